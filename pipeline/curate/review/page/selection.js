// Which images are chosen for a decision about many, and which one the eye is on.

export class Selection extends EventTarget {
  constructor(library) {
    super();
    this.library = library;
    this.focus = 0; // a place in the list
    this.anchor = 0; // where a range starts
    this.chosen = new Set(); // row numbers
    library.addEventListener("list", () => {
      this.chosen.clear();
      this.focus = this.anchor = 0;
    });
  }

  get row() {
    return this.library.at(this.focus);
  }

  has(n) {
    return this.chosen.has(n);
  }

  move(place) {
    const total = this.library.list.length;
    this.focus = this.anchor = Math.max(0, Math.min(total - 1, place));
    this.#changed();
  }

  // From the anchor to `place`, as shift-click and shift-arrow do.
  range(place) {
    const total = this.library.list.length;
    this.focus = Math.max(0, Math.min(total - 1, place));
    const [first, last] = [Math.min(this.anchor, this.focus), Math.max(this.anchor, this.focus)];
    this.set(this.library.list.slice(first, last + 1));
  }

  toggle(place) {
    const n = this.library.list[place];
    if (n === undefined) return;
    if (!this.chosen.delete(n)) this.chosen.add(n);
    this.focus = this.anchor = place;
    this.#changed();
  }

  set(numbers) {
    this.chosen = new Set(numbers);
    this.#changed();
  }

  clear() {
    this.set([]);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
