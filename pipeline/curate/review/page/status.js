// The header and the footer: how far the list is, how fast it goes, whether all is saved, and what the keys will act on.

import { $, counted, make, number, weight } from "./dom.js";
import { ask, toast } from "./tell.js";

const THEMES = ["auto", "light", "dark"];
const SIGNS = { auto: "\u25D0", light: "\u2600", dark: "\u263E" };

// Who judges: from the address, else what this browser remembers, else the project's own.
export class Person extends EventTarget {
  constructor() {
    super();
    const asked = new URLSearchParams(location.search).get("reviewer");
    this.name = (asked ?? localStorage.getItem("darkroom.reviewer") ?? "").trim();
    if (asked) localStorage.setItem("darkroom.reviewer", this.name);
    this.field = document.querySelector(".who");
  }

  start(fallback) {
    this.name ||= fallback;
    const field = $("reviewer");
    field.value = this.name;
    field.addEventListener("change", () => {
      this.name = field.value.replace(/\s+/g, " ").trim() || fallback;
      field.value = this.name;
      localStorage.setItem("darkroom.reviewer", this.name);
      this.dispatchEvent(new Event("change"));
    });
    field.addEventListener("keydown", (event) => ["Enter", "Escape"].includes(event.key) && $("grid").focus());
  }
}

export function theme() {
  const button = $("theme");
  const apply = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = SIGNS[name];
    button.setAttribute("aria-label", `Theme: ${name}`);
    button.title = `Theme: ${name}`;
  };
  let current = THEMES.includes(localStorage.getItem("darkroom.theme")) ? localStorage.getItem("darkroom.theme") : "auto";
  apply(current);
  button.addEventListener("click", () => {
    current = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length];
    localStorage.setItem("darkroom.theme", current);
    apply(current);
  });
}

export function showProgress(library, actions) {
  const total = library.list.length;
  const done = total - library.left;
  $("count").textContent = `${number(done)} of ${number(total)}`;
  $("bar-fill").style.transform = `scaleX(${total ? done / total : 0})`;
  $("bar").setAttribute("aria-valuemax", total);
  $("bar").setAttribute("aria-valuenow", done);
  const { rate } = actions;
  const parts = [];
  if (rate) parts.push(`${Math.round(rate)} a minute`);
  if (rate && library.left) parts.push(`${duration(library.left / rate)} left`);
  $("rate").textContent = parts.join(", ");
}

function duration(minutes) {
  if (minutes < 1) return "under a minute";
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}

export function watchSaving(saver) {
  const line = $("saved");
  let told = null;
  const show = () => {
    const { state, pending } = saver;
    line.dataset.state = state;
    line.dataset.pending = String(pending);
    line.textContent = { saved: "saved", saving: pending > 1 ? `saving ${number(pending)}\u2026` : "saving\u2026", failed: `${number(pending)} not saved` }[state];
    line.title = saver.trouble ? `${saver.trouble.message}. It is tried again by itself; click to do it now.` : "Every decision is on disk once this says saved";
    if (state === "failed" && told === null) told = toast(`Not saved yet: ${saver.trouble.message}. It stays here and is tried again.`, { kind: "bad", stays: 0 });
    if (state === "saved" && told) {
      told.remove();
      told = null;
      toast("Saved after all: nothing was lost.", { kind: "good" });
    }
  };
  saver.addEventListener("change", show);
  line.addEventListener("click", async () => {
    if (saver.state !== "failed") return;
    saver.hurry();
    if (saver.trouble?.status !== 409) return;
    if (await ask("Give up the first of them?", `The server refuses it: ${saver.trouble.message}.`, "Give it up", "Keep trying")) saver.drop();
  });
  show();
}

export function showAbout(library, selection) {
  const row = selection.row;
  const chosen = selection.chosen.size;
  $("chosen").hidden = !chosen;
  $("chosen").textContent = chosen ? `${counted(chosen, "image")} selected` : "";
  const line = $("about");
  if (!library.list.length) return line.replaceChildren();
  const facts = row ? [row.title || row.id, `${row.width}\u00d7${row.height}`, row.format, weight(row.bytes), row.license, row.creator].filter(Boolean) : ["\u2026"];
  line.replaceChildren(make("b", {}, `${number(selection.focus + 1)}`), ` / ${number(library.list.length)} \u00b7 ${facts.join(" \u00b7 ")}`);
}
