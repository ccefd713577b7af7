// The card at the end of a list: what there is to do next.

import { $, counted, make, number } from "./dom.js";

export class Done {
  constructor(library, filters) {
    Object.assign(this, { library, filters });
    this.element = $("done");
  }

  get open() {
    return !this.element.hidden;
  }

  show() {
    const { library, filters } = this;
    const { counts, project } = library;
    const query = filters.query;
    const later = project.classes.filter((one) => one.undecided > 0 && one.name !== query.class);
    const offers = [];
    const offer = (words, detail, change) => offers.push([words, detail, () => (this.close(), filters.only(change))]);
    if (later.length) offer(`Next: ${later[0].title}`, `${number(later[0].undecided)} undecided`, { class: later[0].name });
    if (filters.narrowed && !query.recheck && counts.undecided && !later.length) offer("All that is undecided", counted(counts.undecided, "image"), { class: "", decision: "undecided" });
    if (counts.conflicts && !query.conflict) offer("Conflicts", `${counted(counts.conflicts, "image")} on which people differ`, { class: "", conflict: true, show: "all" });
    if (counts.rechecks && !query.recheck) offer("Second looks", `${counted(counts.rechecks, "image")} come back without their decision, to see how sure it was`, { class: "", recheck: true, show: "all" });
    const share = counts.decided ? `${number(counts.keep)} kept, ${number(counts.reject)} rejected in the whole project` : "";
    const title = query.recheck ? "All second looks taken" : query.conflict ? "All conflicts settled" : "Every image here is decided";
    const held = [...this.element.querySelectorAll("button")].indexOf(document.activeElement);
    this.element.replaceChildren(
      make("p", { class: "done-sign", "aria-hidden": "true" }, "\u2713"),
      make("h2", { id: "done-title" }, title),
      make("p", {}, `${counted(library.list.length, "image")} in this list. ${share}`),
      make("div", { class: "offers" }, offers.map(([words, detail, go]) => make("button", { type: "button", class: "offer", click: go }, make("b", {}, words), make("span", {}, detail)))),
      make("button", { type: "button", class: "plain", click: () => this.close() }, "Back to the images"),
    );
    this.element.hidden = false;
    this.element.querySelectorAll("button")[Math.max(0, held)]?.focus();
  }

  close() {
    this.element.hidden = true;
    if (document.activeElement !== $("text")) $("grid").focus({ preventScroll: true }); // who types in the search field types on
  }
}
