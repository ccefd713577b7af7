// The buttons, the menu of reasons and the drawer of filters: for a mouse, a finger, or Tab and Enter.

import { $, make } from "./dom.js";

export class Controls {
  // `parts`: actions, grid, loupe, moves, person, reasons() -> [reason], help(), refresh().
  constructor(parts) {
    Object.assign(this, parts);
    this.#listen();
  }

  drawer(open) {
    if (open) document.body.dataset.rail = "1";
    else delete document.body.dataset.rail;
    $("open-filters").setAttribute("aria-expanded", String(open));
  }

  menu(open) {
    const box = $("reasons");
    if (open) {
      box.replaceChildren(...this.reasons().map((reason, i) => make("button", { type: "button", role: "menuitem", click: () => (this.menu(false), this.actions.decide("reject", reason)) }, reason, i < 9 ? make("kbd", {}, `\u21E7${i + 1}`) : null)));
      const bounds = $("do-reason").getBoundingClientRect();
      box.style.right = `${Math.max(8, innerWidth - bounds.right - 20)}px`;
    }
    box.hidden = !open;
    $("do-reason").setAttribute("aria-expanded", String(open));
    (open ? box.firstChild : $("grid")).focus();
  }

  zoom(by) {
    const range = $("size");
    range.value = Number(range.value) + by;
    range.dispatchEvent(new Event("input"));
  }

  search() {
    this.drawer(true);
    $("text").focus();
  }

  #listen() {
    const { actions, loupe, moves, person } = this;
    const on = (id, action) => $(id).addEventListener("click", action);
    on("do-keep", () => actions.decide("keep"));
    on("do-reject", () => actions.decide("reject"));
    on("do-blank", () => actions.decide(""));
    on("do-undo", () => actions.undo());
    on("do-redo", () => actions.redo());
    on("do-loupe", () => moves.look());
    on("do-reason", () => this.menu($("reasons").hidden));
    on("loupe-close", () => moves.escape());
    on("loupe-previous", () => moves.move(-1));
    on("loupe-next", () => moves.move(1));
    const narrow = matchMedia("(max-width: 760px)");
    const seat = () => (narrow.matches ? $("rail-person").append(person.field) : $("saved").after(person.field)); // the header has no room there
    narrow.addEventListener("change", seat);
    seat();
    on("help-button", () => this.help());
    on("open-filters", () => this.drawer(!document.body.dataset.rail));
    on("close-filters", () => this.drawer(false));
    $("stale").lastElementChild.addEventListener("click", () => this.refresh());
    $("reasons").addEventListener("keydown", (event) => {
      const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (!step) return;
      event.preventDefault();
      document.activeElement[step]?.focus();
    });
    addEventListener("pointerdown", (event) => !$("reasons").hidden && !event.target.closest("#reasons, #do-reason") && this.menu(false));
    // Buttons give the focus back, so that the next key is a decision and not another press of the same button.
    document.querySelector("footer").addEventListener("click", (event) => event.detail && (loupe.open ? $("loupe") : $("grid")).focus({ preventScroll: true }));
    $("size").value = localStorage.getItem("darkroom.tile") ?? (innerWidth < 640 ? 112 : 192);
    $("size").addEventListener("input", () => {
      localStorage.setItem("darkroom.tile", $("size").value);
      this.grid.resize(Number($("size").value));
    });
    this.grid.resize(Number($("size").value));
  }
}
