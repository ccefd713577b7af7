// A crop box over a picture, by mouse or by keyboard, in shares of the picture's sides: x, y, width, height, 0 to 1.

import { make } from "./dom.js";

const STEP = 0.01;
const LEAST = 0.02;
const CORNERS = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const round = (value) => Math.round(value * 10_000) / 10_000;

export const parse = (text) => {
  const box = (text || "").split(",").map(Number);
  return box.length === 4 && box.every(Number.isFinite) ? box : null;
};

export const format = ([x, y, width, height]) => {
  const [left, top] = [round(x), round(y)];
  return [left, top, round(Math.min(width, 1 - left)), round(Math.min(height, 1 - top))].join(",");
};

export class CropBox {
  // Over `frame`, the element that has the picture's own shape; `told` hears each change.
  constructor(frame, text, told) {
    this.frame = frame;
    this.told = told;
    this.box = parse(text) ?? [0.1, 0.1, 0.8, 0.8];
    this.element = make("div", { class: "crop", role: "group", "aria-label": "Crop box: arrows move it, Shift and arrows resize it" },
      CORNERS.map((corner) => make("span", { class: `handle ${corner}`, "data-corner": corner })));
    this.veil = make("div", { class: "crop-veil", pointerdown: (event) => this.#drag(event) }, this.element);
    frame.append(this.veil);
    this.#draw();
  }

  get text() {
    return format(this.box);
  }

  remove() {
    this.veil.remove();
  }

  // -> whether the key was the box's.
  key(name) {
    const [, shift, direction] = /^(Shift\+)?Arrow(Left|Right|Up|Down)$/.exec(name) ?? [];
    if (!direction) return false;
    const along = { Left: [-STEP, 0], Right: [STEP, 0], Up: [0, -STEP], Down: [0, STEP] }[direction];
    const [x, y, width, height] = this.box;
    if (shift) this.#set([x, y, clamp(width + along[0], LEAST, 1 - x), clamp(height + along[1], LEAST, 1 - y)]);
    else this.#set([clamp(x + along[0], 0, 1 - width), clamp(y + along[1], 0, 1 - height), width, height]);
    return true;
  }

  #set(box) {
    this.box = box;
    this.#draw();
    this.told(this.text);
  }

  #draw() {
    ["left", "top", "width", "height"].forEach((side, i) => (this.element.style[side] = `${this.box[i] * 100}%`));
  }

  // On a handle: that side; inside: the whole box; outside: a new box from here.
  #drag(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const bounds = this.frame.getBoundingClientRect();
    const at = (e) => [clamp((e.clientX - bounds.left) / bounds.width, 0, 1), clamp((e.clientY - bounds.top) / bounds.height, 0, 1)];
    const [startX, startY] = at(event);
    const [x, y, width, height] = this.box;
    const corner = event.target.dataset?.corner;
    const inside = event.target === this.element;
    const move = (next) => {
      const [nowX, nowY] = at(next);
      if (corner) this.#set(pulled(this.box, corner, nowX, nowY));
      else if (inside) this.#set([clamp(x + nowX - startX, 0, 1 - width), clamp(y + nowY - startY, 0, 1 - height), width, height]);
      else if (Math.abs(nowX - startX) > LEAST && Math.abs(nowY - startY) > LEAST) {
        this.#set([Math.min(startX, nowX), Math.min(startY, nowY), Math.abs(nowX - startX), Math.abs(nowY - startY)]);
      }
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }
}

// The box with one corner or side brought to (x, y); the opposite one stays.
export function pulled([left, top, width, height], corner, x, y) {
  let [right, bottom] = [left + width, top + height];
  if (corner.includes("w")) left = Math.min(x, right - LEAST);
  if (corner.includes("e")) right = Math.max(x, left + LEAST);
  if (corner.includes("n")) top = Math.min(y, bottom - LEAST);
  if (corner.includes("s")) bottom = Math.max(y, top + LEAST);
  return [left, top, right - left, bottom - top];
}
