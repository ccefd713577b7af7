// One image large, and the members of its group side by side: blinked in one place, or subtracted from each other.

import { CropBox, parse } from "./crop.js";
import { Details, bits, called, compared } from "./details.js";
import { make, original, thumb } from "./dom.js";
import { say } from "./tell.js";

const GROUNDS = ["check", "black", "white"]; // what shows through a transparent picture
const RIM = 20; // px around a picture, for its mark
const NARROW = 560; // px
const BLINK = 450; // ms
const TOOLS = [["compare", "G", "Group"], ["blink", "B", "Blink"], ["difference", "D", "Difference"], ["ground", "T", "Ground"], ["crop", "C", "Crop"], ["note", "E", "Note"]];

export class Loupe {
  constructor(elements, library, selection, actions) {
    Object.assign(this, elements, { library, selection, actions });
    this.sheet = new Details(elements.details, library, actions);
    this.ground = localStorage.getItem("darkroom.ground") ?? "check";
    this.mode = "compare"; // single | compare | blink | difference; single where the group has one member
    this.other = 1;
    this.buttons = new Map(TOOLS.map(([name, key, words]) => [name, make("button", { type: "button", class: "chip", "aria-keyshortcuts": key, title: `${words} (${key})`, click: () => this.tool(name) }, words, make("kbd", {}, key))]));
    this.tools.append(...this.buttons.values());
    selection.addEventListener("change", () => this.open && this.refresh());
    library.addEventListener("rows", () => this.open && this.refresh());
    new ResizeObserver(() => this.open && this.#fit()).observe(this.easel);
  }

  get open() {
    return !this.element.hidden;
  }

  show() {
    if (this.open || !this.library.list.length) return;
    this.element.hidden = false;
    this.actions.looking = true;
    this.shown = "";
    this.behind(true);
    this.element.focus({ preventScroll: true });
    this.refresh();
  }

  close() {
    this.#endCrop();
    clearInterval(this.timer);
    this.element.hidden = true;
    this.actions.looking = false;
    this.behind(false);
    this.easel.replaceChildren();
  }

  // While one image fills the room, the rest is out of reach of Tab and of screen readers.
  behind(hidden) {
    for (const id of ["grid", "rail"]) document.getElementById(id).inert = hidden;
  }

  tool(name) {
    if (name === "crop") return this.crop();
    if (name === "note") return this.sheet.editNote();
    if (name === "ground") {
      this.ground = GROUNDS[(GROUNDS.indexOf(this.ground) + 1) % GROUNDS.length];
      localStorage.setItem("darkroom.ground", this.ground);
      say(`ground: ${this.ground}`);
      return this.#dress();
    }
    if ((this.members?.length ?? 1) < 2) return say("this image has no copies");
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (name === "blink" && this.mode === "blink" && still) return this.#flip(); // each press, where nothing may move by itself
    this.mode = this.mode === name ? (name === "compare" ? "single" : "compare") : name;
    this.#endCrop();
    this.#paint();
  }

  // Up and down choose the member that blink and difference hold against the first.
  step(by) {
    if ((this.members?.length ?? 1) < 2) return false;
    const count = this.members.length - 1;
    this.other = ((this.other - 1 + by + count) % count) + 1;
    this.#paint();
    return true;
  }

  // Bring the view in line with what is in focus; draws anew only what changed.
  async refresh() {
    const place = this.selection.focus;
    const row = await this.library.row(place).catch(() => null);
    if (!row || !this.open || place !== this.selection.focus) return;
    const state = this.library.state(row);
    const stamp = [row.id, JSON.stringify(state), this.library.list.length].join();
    if (stamp === this.stamp && this.shown === row.id) return;
    this.stamp = stamp;
    const fresh = this.shown !== row.id;
    if (fresh) {
      this.#endCrop();
      this.other = 1;
      this.members = [row];
    }
    this.row = row;
    this.shown = row.id;
    this.title.textContent = `${place + 1} of ${this.library.list.length} \u00b7 ${row.title || row.id}`;
    this.element.setAttribute("aria-label", `${row.title || row.id}, ${called(state.decision)}`);
    this.sheet.show(row);
    if (fresh) this.#paint();
    else this.#dress();
    if (row.size > 1) this.#bringMembers(row);
    this.#ahead(place);
  }

  async #bringMembers(row) {
    let members = [row];
    try {
      members = await this.library.group(row);
    } catch (refusal) {
      say(refusal.message);
    }
    if (this.shown !== row.id) return;
    this.members = members;
    if (!this.box) this.#paint();
  }

  // ---- drawing

  #paint() {
    clearInterval(this.timer);
    const many = this.members.length > 1;
    const mode = many ? this.mode : "single";
    this.easel.dataset.mode = mode;
    this.element.dataset.group = many ? "1" : "";
    const pair = many ? [this.members[0], this.members[this.other] ?? this.members[1]] : [];
    const panes = {
      single: () => [this.#pane([this.row])],
      compare: () => this.members.slice(0, 9).map((row, i) => this.#pane([row], i)),
      blink: () => [this.#pane(pair)],
      difference: () => [this.#pane(pair, null, true)],
    }[mode]();
    this.easel.replaceChildren(...panes);
    this.easel.style.setProperty("--columns", mode === "compare" ? columnsFor(panes.length, this.easel) : 1);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (mode === "blink" && !still) this.timer = setInterval(() => this.#flip(), BLINK);
    for (const [name, button] of this.buttons) {
      if (["compare", "blink", "difference"].includes(name)) {
        button.setAttribute("aria-pressed", String(mode === name));
        button.hidden = !many;
      }
    }
    this.hint.hidden = !["blink", "difference"].includes(mode);
    if (pair.length) this.hint.textContent = this.#between(pair, mode);
    this.#dress();
    this.#fit();
  }

  #between([first, second], mode) {
    const one = this.members.indexOf(first) + 1;
    const two = this.members.indexOf(second) + 1;
    const turned = second.kind === "flip" ? ", mirrored back" : "";
    const more = this.members.length > 2 ? "; \u2191 \u2193 another" : "";
    return mode === "blink" ? `${one} and ${two} in turn${turned}${more}` : `${one} minus ${two}${turned}: black is equal, \u00d74${more}`;
  }

  // A frame in the first picture's shape, with one picture or two on top of each other; under it, how it compares.
  #pane(rows, index = null, subtract = false) {
    const frame = make("div", { class: `picture${subtract ? " subtract" : ""}` }, rows.map((row, i) => {
      const image = make("img", { alt: row.title || row.id, decoding: "async", draggable: "false", class: `${i ? "second" : "first"}${i && row.kind === "flip" ? " mirrored" : ""}` });
      image.src = thumb(row);
      const large = new Image();
      large.src = original(row);
      large.decode().then(() => (image.src = large.src), () => {}); // the thumbnail stays where the file does not decode
      return image;
    }), make("span", { class: "tile-crop" }));
    frame.row = rows[0];
    const pane = make("figure", { class: "pane" }, frame);
    if (index !== null) pane.append(this.#caption(rows[0], index));
    return pane;
  }

  #caption(row, index) {
    const values = compared(this.members)[index];
    return make("figcaption", {},
      make("div", { class: "member" },
        make("button", { type: "button", class: "act mini pick", "aria-label": `Keep number ${index + 1} and reject the rest`, title: "Keep this one, reject the rest", click: () => this.actions.pick(index + 1) }, String(index + 1)),
         make("span", { class: "member-words" }, [row.kept ? "suggested" : "copy", bits(row)].filter(Boolean).join(" \u00b7 ")),
        make("button", { type: "button", class: "act mini keep", "aria-label": `Keep number ${index + 1}`, title: "Keep this one too", click: () => this.actions.judge(row, "keep") }, "\u2713"),
        make("button", { type: "button", class: "act mini reject", "aria-label": `Reject number ${index + 1}`, title: "Reject this one", click: () => this.actions.judge(row, "reject") }, "\u2715")),
      make("ul", { class: "values" }, values.map(({ name, words, worse, best }) =>
        make("li", { class: worse ? "worse" : best ? "best" : "" }, make("span", {}, name), make("b", {}, `${words}${worse ? " \u25be" : best ? " \u25b4" : ""}`)))));
  }

  // Marks, crop boxes and the ground, without loading a picture again.
  #dress() {
    this.easel.dataset.ground = this.ground;
    for (const frame of this.easel.querySelectorAll(".picture")) {
      const state = this.library.state(frame.row);
      frame.closest(".pane").dataset.decision = state.decision;
      const box = parse(state.crop);
      const crop = frame.querySelector(".tile-crop");
      crop.hidden = !box || Boolean(this.box);
      if (box) ["left", "top", "width", "height"].forEach((side, i) => (crop.style[side] = `${box[i] * 100}%`));
    }
  }

  // Frames get the size in px that fits their mat: shapes are known from the rows, so nothing jumps when a picture arrives.
  #fit() {
    const narrow = this.easel.dataset.mode === "compare" && this.easel.clientWidth < NARROW; // there the panes scroll
    const panes = [...this.easel.querySelectorAll(".pane")].map((pane) =>
      [pane.querySelector(".picture"), pane.clientWidth - RIM, narrow ? innerHeight / 3 : pane.clientHeight - RIM - (pane.querySelector("figcaption")?.offsetHeight ?? 0)]);
    for (const [frame, width, height] of panes) {
      const most = Math.max(2.5, 480 / Math.max(frame.row.width, frame.row.height)); // small ones are enlarged, within reason
      const scale = Math.min(width / frame.row.width, height / frame.row.height, most);
      frame.style.width = `${Math.max(1, Math.floor(frame.row.width * scale))}px`;
      frame.style.height = `${Math.max(1, Math.floor(frame.row.height * scale))}px`;
      frame.classList.toggle("enlarged", scale > 3);
    }
  }

  #flip() {
    this.easel.querySelector(".picture")?.classList.toggle("flipped");
  }

  #ahead(place) {
    const next = this.library.next(place);
    this.library.row(next < 0 ? place : next).then((row) => {
      this.preloaded = new Image();
      this.preloaded.src = original(row);
    }, () => {});
  }

  // ---- the crop box

  crop() {
    if (!this.open) this.show();
    if (this.box) return this.saveCrop();
    if (!this.row || this.shown !== this.library.at(this.selection.focus)?.id) return void setTimeout(() => this.open && !this.box && this.crop(), 50);
    this.before = this.mode;
    this.mode = "single";
    this.#paint();
    const frame = this.easel.querySelector(".picture");
    this.box = new CropBox(frame, this.library.state(this.row).crop, (text) => (words.textContent = text));
    const words = make("span", {}, "Draw a box");
    const button = (label, kind, action) => make("button", { type: "button", class: kind, click: action }, label);
    this.hint.hidden = false;
    this.hint.replaceChildren(words, make("span", { class: "for-keys" }, " \u00b7 arrows move it, Shift and arrows resize it"),
      button("Keep the box", "primary", () => this.saveCrop()), button("No box", "", () => this.saveCrop("")), button("Leave", "", () => this.#endCrop()));
    this.element.dataset.cropping = "1";
    this.buttons.get("crop").setAttribute("aria-pressed", "true");
    this.#dress();
  }

  saveCrop(text = this.box.text) {
    const row = this.row;
    this.#endCrop();
    if (text === "0,0,1,1") text = "";
    this.actions.amend(row, { crop: text });
    say(text ? `crop ${text}` : "no crop");
  }

  #endCrop() {
    if (!this.box) return;
    this.box.remove();
    this.box = null;
    this.mode = this.before;
    delete this.element.dataset.cropping;
    this.buttons.get("crop").setAttribute("aria-pressed", "false");
    this.#paint();
  }

  // Keys of the crop box come first; -> whether it was one of them.
  key(name) {
    if (!this.box) return false;
    if (this.box.key(name)) return true;
    if (name === "Enter") return this.saveCrop(), true;
    if (name === "Delete" || name === "Backspace") return this.saveCrop(""), true;
    if (name === "Escape") return this.#endCrop(), true;
    return false;
  }
}

// As many columns as make the panes largest in the room there is.
function columnsFor(count, { clientWidth, clientHeight }) {
  let best = [0, 1];
  for (let columns = 1; columns <= count; columns++) {
    const side = Math.min(clientWidth / columns, clientHeight / Math.ceil(count / columns) - 140);
    if (side > best[0]) best = [side, columns];
  }
  return clientWidth < NARROW ? Math.min(2, count) : best[1];
}
