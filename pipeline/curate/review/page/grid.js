// The grid of all images of a list: only the tiles in sight exist, and the same ones are used again while it scrolls.

import { Tile } from "./tile.js";

const GAP = 10; // px
const SPARE = 1; // rows of tiles beyond the edge
const FLYING = 5000; // px/s beyond which pictures are not asked for
const DRAG = 6; // px before a press becomes a rubber band

export class Grid extends EventTarget {
  constructor(scroller, sheet, library, selection) {
    super();
    Object.assign(this, { scroller, sheet, library, selection });
    this.tiles = [];
    this.side = 200;
    this.top = this.speed = 0;
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.lay()).observe(scroller);
    library.addEventListener("rows", () => this.draw());
    library.addEventListener("list", () => this.lay(true));
    selection.addEventListener("change", () => this.draw());
    scroller.addEventListener("pointerdown", (event) => this.#press(event));
    scroller.addEventListener("dblclick", (event) => this.#tileOf(event) && this.dispatchEvent(new Event("open")));
  }

  resize(side) {
    this.wish = side;
    this.lay();
  }

  // Columns and sides from the width; the image in focus stays where it was on the screen.
  lay(fresh = false) {
    const { clientWidth: width, clientHeight: height } = this.scroller;
    if (!width || !height) return;
    const held = this.columns && !fresh ? Math.floor(this.selection.focus / this.columns) * this.pitch - this.scroller.scrollTop : 0;
    const room = width - GAP;
    this.columns = Math.max(2, Math.floor((room + GAP / 2) / ((this.wish ?? 190) + GAP)));
    this.side = Math.floor(room / this.columns) - GAP;
    this.pitch = this.side + GAP;
    this.height = height;
    this.sheet.style.height = `${Math.ceil(this.library.list.length / this.columns) * this.pitch + GAP}px`;
    const count = (Math.ceil(height / this.pitch) + 1 + 2 * SPARE) * this.columns;
    while (this.tiles.length > count) this.tiles.pop().element.remove();
    while (this.tiles.length < count) {
      const tile = new Tile(this.tiles.length);
      this.sheet.append(tile.element);
      this.tiles.push(tile);
    }
    this.tiles.forEach((tile) => (tile.stamp = ""));
    if (fresh) this.scroller.scrollTop = 0;
    else if (held > -this.pitch && held < height) this.scroller.scrollTop = Math.floor(this.selection.focus / this.columns) * this.pitch - held;
    this.draw();
  }

  // At most once a frame, however many ask.
  draw() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.#draw(now);
    });
  }

  #draw(now) {
    if (!this.columns) return;
    const { library, selection, columns, pitch } = this;
    const top = this.scroller.scrollTop;
    this.speed = (Math.abs(top - this.top) / Math.max(1, now - (this.then ?? now))) * 1000;
    [this.top, this.then] = [top, now];
    const still = this.speed < FLYING;
    const total = library.list.length;
    const first = Math.max(0, Math.floor((top - GAP) / pitch) - SPARE) * columns;
    const last = Math.min(total, first + this.tiles.length) - 1;
    library.need(first, last);
    for (let slot = 0; slot < this.tiles.length; slot++) {
      const place = first + ((slot - (first % this.tiles.length) + this.tiles.length) % this.tiles.length);
      const tile = this.tiles[slot];
      if (tile.element.hidden !== place > last) tile.element.hidden = place > last;
      if (place > last) {
        tile.empty();
        continue;
      }
      tile.put(GAP + (place % columns) * pitch, GAP + Math.floor(place / columns) * pitch, this.side);
      const row = library.at(place);
      const focused = place === selection.focus;
      tile.fill(place, total, row, row && library.state(row), { focused, chosen: selection.has(library.list[place]), blind: library.blind, still });
      if (focused) this.scroller.setAttribute("aria-activedescendant", tile.element.id);
    }
    clearTimeout(this.rest);
    if (!still) this.rest = setTimeout(() => this.draw(), 80);
    this.dispatchEvent(new Event("drawn"));
  }

  // Scroll no more than needed to have a place in sight.
  show(place) {
    const y = Math.floor(place / this.columns) * this.pitch;
    const { scrollTop } = this.scroller;
    if (y < scrollTop) this.scroller.scrollTop = y;
    else if (y + this.pitch + GAP > scrollTop + this.height) {
      const far = y > scrollTop + 2 * this.height;
      this.scroller.scrollTop = far ? y - this.pitch / 2 : y + this.pitch + GAP - this.height;
    }
    this.draw();
  }

  // The tile that shows a place, if one does.
  tileAt(place) {
    return this.tiles.find((tile) => tile.place === place);
  }

  get page() {
    return Math.max(1, Math.floor(this.height / this.pitch)) * this.columns;
  }

  // ---- the pointer

  #tileOf(event) {
    return event.target.closest?.(".tile")?.tile;
  }

  #press(event) {
    if (event.button !== 0) return;
    const tile = this.#tileOf(event);
    const fine = event.pointerType === "mouse";
    if (fine && event.offsetX > this.scroller.clientWidth && !tile) return; // the scroll bar
    this.scroller.focus({ preventScroll: true });
    if (fine) this.#band(event, tile);
    else if (tile) {
      const lift = () => this.#pick(event, tile.place, true);
      this.scroller.addEventListener("click", lift, { once: true });
      this.scroller.addEventListener("pointercancel", () => this.scroller.removeEventListener("click", lift), { once: true });
    }
  }

  #pick(event, place, touch) {
    if (place < 0) return;
    if (event.shiftKey) this.selection.range(place);
    else if (event.ctrlKey || event.metaKey) this.selection.toggle(place);
    else if (touch && place === this.selection.focus) this.dispatchEvent(new Event("open"));
    else {
      this.selection.chosen.clear();
      this.selection.move(place);
    }
  }

  // A press that moves draws a rubber band; one that does not is a click.
  #band(event, tile) {
    const bounds = this.scroller.getBoundingClientRect();
    const start = { x: event.clientX - bounds.left, y: event.clientY - bounds.top + this.scroller.scrollTop };
    const before = event.ctrlKey || event.metaKey || event.shiftKey ? [...this.selection.chosen] : [];
    let band = null;
    let pointer = event;
    let timer = null;
    const stretch = () => {
      const x = Math.max(0, Math.min(bounds.width, pointer.clientX - bounds.left));
      const y = pointer.clientY - bounds.top + this.scroller.scrollTop;
      const box = { left: Math.min(x, start.x), top: Math.max(0, Math.min(y, start.y)), right: Math.max(x, start.x), bottom: Math.max(y, start.y) };
      band.style.transform = `translate(${box.left}px, ${box.top}px)`;
      band.style.width = `${box.right - box.left}px`;
      band.style.height = `${box.bottom - box.top}px`;
      this.selection.set([...before, ...this.#within(box)]);
    };
    const scrolling = () => {
      const over = pointer.clientY < bounds.top + 24 ? -1 : pointer.clientY > bounds.bottom - 24 ? 1 : 0;
      if (over) this.scroller.scrollTop += over * 18;
      if (over) stretch();
    };
    const move = (next) => {
      pointer = next;
      if (!band && Math.hypot(next.clientX - event.clientX, next.clientY - event.clientY) > DRAG) {
        band = document.createElement("div");
        band.className = "band";
        this.sheet.append(band);
        timer = setInterval(scrolling, 16);
      }
      if (band) stretch();
    };
    const end = (next) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      clearInterval(timer);
      if (band) band.remove();
      else if (tile) this.#pick(next, tile.place, false);
      else if (!before.length) this.selection.clear();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
    event.preventDefault();
  }

  // The row numbers whose tiles a box of the sheet touches: by arithmetic, as most of them are not in the page.
  #within({ left, top, right, bottom }) {
    const column = (x) => Math.floor((x - GAP) / this.pitch);
    const columns = [Math.max(0, column(left + GAP)), Math.min(this.columns - 1, column(right))];
    const rows = [Math.max(0, column(top + GAP)), column(bottom)];
    const found = [];
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (let at = columns[0]; at <= columns[1]; at++) {
        const n = this.library.list[row * this.columns + at];
        if (n !== undefined) found.push(n);
      }
    }
    return found;
  }
}
