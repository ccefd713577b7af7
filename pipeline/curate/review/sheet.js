"use strict";
// A sheet that judges by itself: what is said is kept in this browser and leaves it as a CSV file.

const about = JSON.parse(document.getElementById("about").textContent);
const images = JSON.parse(document.getElementById("images").textContent);
const KEY = `darkroom-sheet-${about.key}`;
const COLUMNS = ["id", "class", "decision", "reason", "reviewer", "reviewed_at", "crop", "note"];
const FORMULA = /^'*[=+\-@\t\r]/; // what a spreadsheet would calculate: such a cell gets an apostrophe, which reading takes off
const byId = (id) => document.getElementById(id);

let said = {}; // id -> {decision, reason, note, at}
let cards = [];
let focus = 0;

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    said = kept.said ?? {};
    byId("name").value = kept.name ?? "";
  } catch {
    warn("This browser keeps nothing between visits: download before you close the sheet.");
  }
}

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify({ name: byId("name").value, said }));
  } catch {
    warn("This browser could not keep the last decision: download before you close the sheet.");
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Words that lead somewhere, or only words.
function linked(words, address) {
  if (!address) return words;
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer", textContent: words, tabIndex: -1 });
}

function credits(image) {
  const rights = element("p", {}, linked(image.license || "licence unknown", image.license_url));
  if (image.creator) rights.append(` · ${image.creator}`);
  const origin = element("p", {}, `${image.width}×${image.height}`);
  if (image.source || image.link) origin.append(" · ", linked(image.source || "source", image.link));
  return [rights, origin];
}

function card(image, place) {
  const button = (decision, words) => {
    const made = element("button", { type: "button", className: decision, textContent: words, tabIndex: -1 });
    made.addEventListener("click", () => (look(place), say(place, said[image.id]?.decision === decision ? "" : decision)));
    return made;
  };
  const title = image.title || image.id;
  const text = element("div", { className: "text" }, element("b", { textContent: title, title }));
  if (about.classes > 1) text.append(element("p", { textContent: image.class_title }));
  text.append(...credits(image));
  if (image.flags) text.append(element("p", { className: "warn", textContent: image.flags }));
  const made = element(
    "article", { className: "card", tabIndex: -1 },
    element("div", { className: "well" },
      element("img", { src: image.thumb, alt: "", decoding: "async", loading: "lazy" }), element("span", { className: "mark" })),
    text,
    element("div", { className: "choice" }, button("keep", "Keep"), button("reject", "Reject")),
  );
  made.dataset.id = image.id;
  made.addEventListener("click", () => look(place));
  made.addEventListener("focus", () => place !== focus && look(place));
  return made;
}

function show(place) {
  const image = images[place];
  const { decision = "", reason = "" } = said[image.id] ?? {};
  const made = cards[place];
  made.dataset.decision = decision;
  made.querySelector(".mark").textContent = decision === "keep" ? "✓ keep" : decision ? `✕ ${reason || "reject"}` : "";
  for (const button of made.querySelectorAll(".choice button")) button.ariaPressed = String(button.className === decision);
  made.ariaLabel = `${image.title || image.id}, ${decision || "undecided"}${reason ? `, ${reason}` : ""}, ${place + 1} of ${images.length}`;
}

function count() {
  const done = images.filter((image) => said[image.id]?.decision).length;
  byId("progress").textContent = `${done} of ${images.length} decided`;
  byId("bar").style.width = `${images.length ? (100 * done) / images.length : 0}%`;
}

function narrow() {
  const only = byId("open").checked;
  cards.forEach((made, place) => (made.hidden = only && Boolean(said[images[place].id]?.decision)));
  const left = cards.some((made) => !made.hidden);
  byId("empty").hidden = left;
  byId("empty").textContent = images.length ? "Everything here is decided. Download the decisions and send them back." : "There are no images in this sheet.";
}

function look(place, scroll = false) {
  if (!cards[place]) return;
  cards[focus]?.classList.remove("focused");
  if (cards[focus]) cards[focus].tabIndex = -1;
  focus = place;
  cards[place].classList.add("focused");
  cards[place].tabIndex = 0;
  byId("note").value = said[images[place].id]?.note ?? "";
  if (scroll) {
    cards[place].focus({ preventScroll: true });
    cards[place].scrollIntoView({ block: "nearest" });
  }
}

// A word without decision, reason and note says nothing and leaves the file; the other keys stay as they are.
function say(place, decision, reason = "") {
  const image = images[place];
  const note = said[image.id]?.note ?? "";
  if (decision || note) said[image.id] = { decision, reason, note, at: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
  else delete said[image.id];
  keep();
  show(place);
  count();
}

function next(from) {
  for (let step = 1; step <= images.length; step++) {
    const place = (from + step) % images.length;
    if (!said[images[place].id]?.decision && !cards[place].hidden) return place;
  }
  return from;
}

function judge(decision, reason) {
  if (!images.length) return;
  const from = focus;
  say(from, decision, reason);
  look(next(from), true);
  if (byId("open").checked) narrow();
  tell(`${decision || "undecided"}; ${byId("progress").textContent}`);
}

// To the nearest card in that direction, in the rows as they lie.
function move(code) {
  const seen = cards.map((made, place) => place).filter((place) => !cards[place].hidden);
  const at = seen.indexOf(focus);
  if (at < 0) return look(seen[0], true);
  if (code === "ArrowLeft" || code === "ArrowRight") return look(seen[at + (code === "ArrowLeft" ? -1 : 1)] ?? focus, true);
  const top = cards[seen[0]].offsetTop;
  const across = seen.findIndex((place) => cards[place].offsetTop !== top);
  const step = (across < 0 ? seen.length : across) * (code === "ArrowUp" ? -1 : 1);
  return look(seen[at + step] ?? focus, true);
}

function cell(text) {
  const shielded = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(shielded) ? `"${shielded.replaceAll('"', '""')}"` : shielded;
}

function table() {
  const reviewer = byId("name").value.trim();
  const rows = images.filter((image) => said[image.id]?.decision || said[image.id]?.note).map((image) => {
    const { decision, reason, note, at } = said[image.id];
    return [image.id, image.class, decision, reason, reviewer, decision ? at : "", image.crop, note.replace(/[\r\n\t]+/g, " ")];
  });
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function download() {
  if (!byId("name").value.trim()) {
    warn("Write your name first: it stands beside every decision.");
    byId("name").focus();
    return;
  }
  warn("");
  const file = URL.createObjectURL(new Blob([table()], { type: "text/csv;charset=utf-8" }));
  element("a", { href: file, download: about.file }).click();
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
}

// For ears only: what the eye has seen.
function tell(words) {
  byId("said").textContent = words;
}

function warn(words) {
  byId("trouble").textContent = words;
  byId("trouble").hidden = !words;
}

function pressed(event) {
  const writing = event.target.matches("input:not([type=checkbox])");
  if (event.code === "Escape" && writing) return look(focus, true);
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  const actions = { k: () => judge("keep"), r: () => judge("reject"), u: () => (say(focus, ""), tell("undecided")), e: () => byId("note").focus() };
  const action =
    event.shiftKey && about.reasons[digit - 1] ? () => judge("reject", about.reasons[digit - 1])
    : event.code.startsWith("Arrow") ? () => move(event.code)
    : actions[event.key.toLowerCase()];
  if (!action || !images.length) return undefined;
  event.preventDefault();
  return action();
}

about.reasons.forEach((reason, place) => {
  const made = element("button", { type: "button" }, element("kbd", { textContent: String(place + 1) }), ` ${reason}`);
  made.addEventListener("click", () => judge("reject", reason));
  byId("reasons").append(made);
});
read();
cards = images.map(card);
byId("grid").append(...cards);
cards.forEach((made, place) => show(place));
byId("open").addEventListener("change", narrow);
byId("name").addEventListener("input", keep);
byId("note").addEventListener("input", () => {
  const id = images[focus]?.id;
  if (!id) return;
  said[id] = { decision: "", reason: "", at: "", ...said[id], note: byId("note").value };
  if (!said[id].note && !said[id].decision) delete said[id];
  keep();
});
byId("export").addEventListener("click", download);
document.addEventListener("keydown", pressed);
count();
narrow();
look(next(-1), false);
