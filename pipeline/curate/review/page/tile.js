// One image in the grid: made once, then filled again and again as the grid scrolls.

import { make, thumb } from "./dom.js";

const AGAIN = 3000; // ms
const MARKS = { keep: "\u2713", reject: "\u2715" };

export class Tile {
  constructor(number) {
    this.image = make("img", { alt: "", decoding: "async", draggable: "false" });
    this.image.addEventListener("load", () => this.element.classList.add("shown"));
    this.image.addEventListener("error", () => this.#again(this.address));
    this.crop = make("span", { class: "tile-crop" });
    this.frame = make("span", { class: "frame" }, this.image, this.crop);
    this.mark = make("span", { class: "mark" });
    this.copies = make("span", { class: "copies" });
    this.flags = make("span", { class: "flags" });
    this.element = make("div", { class: "tile", role: "option", id: `tile-${number}` }, this.frame, this.mark, this.copies, this.flags);
    this.element.tile = this;
    this.stamp = "";
    this.address = "";
  }

  // Move to (x, y) with a side of `side` px; nothing is measured, so nothing makes the browser lay out twice.
  put(x, y, side) {
    const where = `translate(${x}px, ${y}px)`;
    if (where !== this.where) this.element.style.transform = this.where = where;
    if (side !== this.side) {
      this.element.style.width = this.element.style.height = `${side}px`;
      this.side = side;
      this.stamp = "";
    }
  }

  // Show a row (or, while it is on its way, nothing) at a place. `still` is false while the grid flies past.
  fill(place, total, row, state, { focused, chosen, blind, still }) {
    this.place = place;
    const stamp = row ? [row.n, state.version, state.decision, state.reason, state.crop, state.conflict, focused, chosen, place, total, blind].join() : `?${place},${focused}`;
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.#dress(place, total, row, state, focused, chosen, blind);
    }
    if (row && still) this.#picture(row);
    else if (!row || this.address !== thumb(row)) this.element.classList.remove("shown");
  }

  // A picture that did not come, as when the server is started anew, is asked for again.
  #again(address) {
    this.element.classList.add("broken");
    setTimeout(() => {
      if (this.address !== address || !this.element.classList.contains("broken")) return;
      this.element.classList.remove("broken");
      this.image.src = address;
    }, AGAIN);
  }

  // Out of sight, it stands for no image.
  empty() {
    this.place = -1;
    if (this.stamp === "") return;
    this.stamp = "";
    this.element.classList.remove("focused", "chosen");
    this.element.removeAttribute("data-id");
  }

  #dress(place, total, row, state, focused, chosen, blind) {
    const { element } = this;
    element.classList.toggle("focused", focused);
    element.classList.toggle("chosen", chosen);
    element.setAttribute("aria-selected", String(focused || chosen));
    element.setAttribute("aria-posinset", place + 1);
    element.setAttribute("aria-setsize", total);
    element.dataset.id = row?.id ?? "";
    element.dataset.decision = state?.decision ?? "";
    const proposal = row && !blind && !state.decision && row.proposal ? row.proposal.decision : "";
    element.dataset.proposal = proposal;
    element.dataset.conflict = state?.conflict ? "1" : "";
    this.mark.textContent = state?.conflict ? "\u2260" : (MARKS[state?.decision] ?? MARKS[proposal] ?? "");
    this.copies.textContent = row && row.size > 1 ? `${row.size}` : "";
    const flags = row ? [row.kept ? "" : row.kind || "copy", state.decision === "reject" ? state.reason : "", ...row.flags] : [];
    this.flags.textContent = flags.filter(Boolean).slice(0, 2).join(" \u00b7 ");
    element.setAttribute("aria-label", row ? spoken(row, state, blind) : "loading");
    if (row) this.#fit(row, state);
  }

  #fit(row, state) {
    const room = this.side - 2 * Math.round(this.side * 0.06);
    const scale = Math.min(room / row.width, room / row.height, Math.max(1, 96 / Math.max(row.width, row.height)));
    this.frame.style.width = `${Math.max(2, Math.round(row.width * scale))}px`;
    this.frame.style.height = `${Math.max(2, Math.round(row.height * scale))}px`;
    const box = (state.crop || "").split(",").map(Number);
    const cropped = box.length === 4 && box.every(Number.isFinite);
    this.crop.hidden = !cropped;
    if (cropped) ["left", "top", "width", "height"].forEach((side, i) => (this.crop.style[side] = `${box[i] * 100}%`));
  }

  #picture(row) {
    const address = thumb(row);
    if (address === this.address) return;
    this.address = address;
    this.element.classList.remove("shown", "broken");
    this.image.src = address;
    if (this.image.complete && this.image.naturalWidth) this.element.classList.add("shown");
  }
}

// What a screen reader says of an image.
export function spoken(row, state, blind = false) {
  const words = { keep: "kept", reject: "rejected", "": "undecided" }[state.decision];
  return [
    row.title || row.id,
    state.conflict ? "conflict" : words,
    state.decision === "reject" ? state.reason : "",
    !blind && !state.decision && row.proposal ? `${row.proposal.decision} proposed` : "",
    row.size > 1 ? `${row.size} copies` : "",
    row.flags.join(", "),
    state.crop ? "cropped" : "",
  ].filter(Boolean).join(", ");
}
