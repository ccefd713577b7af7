// The rail: which images are listed, and in which order. It holds one query and tells when a person changes it.

import { $, counted, make, number } from "./dom.js";

const DECISIONS = [["", "All"], ["undecided", "Undecided"], ["keep", "Kept"], ["reject", "Rejected"], ["proposed", "Proposed"]];
const SHOWS = [["kept", "hidden"], ["all", "beside the kept one"], ["copies", "only copies"]];
const SORTS = [["file", "class and id"], ["group", "group"], ["uncertain", "uncertain first"], ["size", "largest first"], ["similar", "similar to one image"]];
const EMPTY = { class: "", group: "", flag: "", decision: "", reviewer: "", conflict: false, recheck: false, show: "kept", text: "", sort: "file", to: "" };

export class Filters extends EventTarget {
  constructor(library, person) {
    super();
    Object.assign(this, { library, person });
    this.query = { ...EMPTY };
    this.#listen();
  }

  // What is asked of the server.
  get asked() {
    return { ...this.query, who: this.person.name };
  }

  set({ again, ...change }) {
    const was = JSON.stringify(this.query);
    this.query = { ...this.query, ...change };
    if (this.query.sort !== "similar") this.query.to = "";
    this.draw();
    if (JSON.stringify(this.query) !== was || again) this.dispatchEvent(new Event("change"));
  }

  // Another view: everything but the class as at the start.
  only(change) {
    this.set({ ...EMPTY, class: this.query.class, ...change });
  }

  get narrowed() {
    const { class: class_, sort, to, ...rest } = this.query;
    return Object.entries(rest).some(([name, value]) => value !== EMPTY[name]);
  }

  fill() {
    const { project } = this.library;
    options($("flag"), [["", "any"], ...project.flags.map((name) => [name, name])]);
    options($("by"), [["", "anyone"], ...project.reviewers.map((name) => [name, name])]);
    options($("show"), SHOWS);
    options($("sort"), [...SORTS, ...project.flags.map((name) => [`flag:${name}`, `most ${name}`])]);
    this.draw();
  }

  draw() {
    const { query, library } = this;
    const { counts, project } = library;
    const all = { name: "", title: "All classes", images: counts.images, undecided: counts.undecided };
    keep($("classes"), [all, ...project.classes].map((one) => JSON.stringify([one, query.class === one.name])), (text) => this.#class(...JSON.parse(text)));
    keep($("decision"), DECISIONS.map(([value, words]) => JSON.stringify([value, words, query.decision === value])), (text) => this.#choice(...JSON.parse(text)));
    for (const [id, on, count] of [["conflicts", query.conflict, counts.conflicts], ["rechecks", query.recheck, counts.rechecks]]) {
      $(id).setAttribute("aria-pressed", String(on));
      $(id).querySelector("b").textContent = count ? number(count) : "";
      $(id).disabled = !count && !on;
    }
    for (const [id, name] of [["flag", "flag"], ["by", "reviewer"], ["show", "show"], ["sort", "sort"]]) $(id).value = query[name];
    if (document.activeElement !== $("text")) $("text").value = query.text;
    $("group-filter").hidden = !query.group;
    $("group-filter").firstElementChild.textContent = `group ${query.group}`;
  }

  #class({ name, title, images, undecided }, current) {
    const share = images ? (images - undecided) / images : 0;
    const ring = make("meter", { min: 0, max: 1, value: share, "aria-hidden": "true" });
    return make("li", {}, make("button", { type: "button", "aria-current": current ? "true" : null, "aria-label": `${title}: ${counted(images, "image")}, ${number(undecided)} undecided`, click: () => this.set({ class: name, group: "" }) },
      make("span", { class: "class-title" }, title), make("span", { class: "class-count" }, undecided ? number(undecided) : images ? "\u2713" : "\u2013"), ring));
  }

  #choice(value, words, current) {
    return make("button", { type: "button", class: "chip", role: "radio", "aria-checked": String(current), "data-value": value, click: () => this.set({ decision: value }) }, words);
  }

  #listen() {
    for (const [id, name] of [["flag", "flag"], ["by", "reviewer"], ["show", "show"]]) $(id).addEventListener("change", () => this.set({ [name]: $(id).value }));
    $("sort").addEventListener("change", () => ($("sort").value === "similar" ? this.dispatchEvent(new Event("similar")) : this.set({ sort: $("sort").value })));
    $("conflicts").addEventListener("click", () => (this.query.conflict ? this.only({}) : this.only({ class: "", conflict: true, show: "all" })));
    $("rechecks").addEventListener("click", () => (this.query.recheck ? this.only({}) : this.only({ class: "", recheck: true, show: "all" })));
    $("group-filter").lastElementChild.addEventListener("click", () => this.set({ group: "", show: "kept" }));
    $("text").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.set({ text: $("text").value.trim() }), 250);
    });
    $("text").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" && event.key !== "Enter") return;
      if (event.key === "Escape") $("text").value = "";
      this.set({ text: $("text").value.trim() });
      $("grid").focus();
    });
  }
}

function options(select, choices) {
  select.replaceChildren(...choices.map(([value, words]) => make("option", { value }, words)));
}

// Children are made anew only where their text has changed, so that focus and hover stay.
function keep(list, texts, build) {
  texts.forEach((text, i) => {
    if (list.children[i]?.text === text) return;
    const child = build(text);
    child.text = text;
    if (!list.children[i]) return list.append(child);
    const held = list.children[i].contains(document.activeElement);
    list.children[i].replaceWith(child);
    if (held) (child.querySelector("button") ?? child).focus();
  });
  while (list.children.length > texts.length) list.lastChild.remove();
}
