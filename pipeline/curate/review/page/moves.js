// Where the eye goes: from image to image, to the next undecided one, into the loupe and back.

import { $, thumb } from "./dom.js";
import { say, toast } from "./tell.js";

const AHEAD = 4; // pictures fetched before they are wanted
const HELD = 24;

export class Moves {
  // `parts`: library, selection, grid, loupe, done, filters, controls() and finished().
  constructor(parts) {
    Object.assign(this, parts);
    this.held = [];
  }

  move(by, event) {
    const { selection } = this;
    const place = selection.focus + by;
    if (event?.shiftKey && !this.loupe.open) selection.range(place);
    else selection.move(place);
    this.#arrive();
  }

  // Up and down: in the loupe, to another member of the group where there is one.
  vertical(by) {
    return (event) => {
      if (this.loupe.open && !event.shiftKey && this.loupe.step(by)) return;
      this.move(by * (this.loupe.open ? 1 : this.grid.columns), event);
    };
  }

  seek(step) {
    const place = this.library.next(this.selection.focus, step);
    if (place < 0) return this.finished();
    this.selection.move(place);
    this.#arrive();
    this.ahead();
  }

  async similar() {
    const row = await this.library.row(this.selection.focus);
    if (!row) return;
    this.filters.set({ sort: "similar", to: row.id, again: true });
    toast(`sorted by likeness to ${row.title || row.id}`, { act: "Back", then: () => this.filters.set({ sort: "file" }) });
  }

  // The copies of one picture alone, or all images again.
  async group() {
    const row = await this.library.row(this.selection.focus);
    if (this.filters.query.group) this.filters.set({ group: "", show: "kept" });
    else if (row) this.filters.set({ class: "", group: row.group, show: "all" });
  }

  all() {
    if (this.loupe.open) return;
    this.selection.set(this.library.list);
    say(`${this.library.list.length} selected`);
  }

  look() {
    if (this.done.open || !this.library.list.length) return;
    if (this.loupe.open) this.escape();
    else this.loupe.show();
  }

  // One step out: of the menu, the card, the loupe, the drawer, the selection.
  escape() {
    const { controls, done, grid, loupe, selection } = this;
    if (!$("reasons").hidden) return controls().menu(false);
    if (done.open) return done.close();
    if (loupe.open) {
      loupe.close();
      grid.show(selection.focus);
      return $("grid").focus({ preventScroll: true });
    }
    if (document.body.dataset.rail) return controls().drawer(false);
    selection.clear();
  }

  // The next undecided images' pictures are fetched before they are wanted.
  ahead() {
    let place = this.selection.focus;
    for (let i = 0; i < AHEAD; i++) {
      place = this.library.next(place);
      if (place < 0) return;
      this.library.row(place).then((row) => row && this.#fetch(row), () => {});
    }
  }

  #fetch(row) {
    const image = new Image();
    image.src = thumb(row);
    this.held.push(image);
    if (this.held.length > HELD) this.held.shift();
  }

  #arrive() {
    this.grid.show(this.selection.focus);
    const row = this.selection.row;
    if (row) say(`${row.title || row.id}, ${this.selection.focus + 1} of ${this.library.list.length}`);
  }
}
