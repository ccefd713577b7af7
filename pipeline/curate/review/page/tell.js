// Words for the person: spoken to a screen reader, shown for a moment, or asked.

import { $, make } from "./dom.js";

export function say(words) {
  const line = $("say");
  line.textContent = line.textContent === words ? `${words}\u00a0` : words; // the same words again are read again
}

// A note that goes by itself, with at most one thing to do about it.
export function toast(words, { kind = "", act = "", then = null, stays = 6000 } = {}) {
  const note = make("div", { class: `toast ${kind}` }, make("span", {}, words));
  const leave = () => note.remove();
  if (act) note.append(make("button", { type: "button", click: () => (leave(), then()) }, act));
  note.append(make("button", { type: "button", class: "plain", "aria-label": "Close", click: leave }, "\u2715"));
  const box = $("toasts");
  [...box.children].find((one) => one.firstChild.textContent === words)?.remove();
  while (box.children.length > 3) box.firstChild.remove();
  box.append(note);
  if (stays) setTimeout(leave, stays);
  return note;
}

// A question with two answers; -> true for the first. Enter says yes, Escape says no.
export function ask(title, words, yes, no = "Cancel") {
  const dialog = $("ask");
  const button = (value, label, kind) => make("button", { type: "button", class: `act ${kind}`, autofocus: value === "yes", click: () => dialog.close(value) }, label);
  dialog.replaceChildren(make("h2", { id: "ask-title" }, title), make("p", {}, words), make("div", { class: "row" }, button("no", no, ""), button("yes", yes, "primary")));
  dialog.onkeydown = (event) => {
    if (event.key !== "Escape") return; // an answer of false would keep Enter from its button
    event.preventDefault();
    dialog.close("no");
  };
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}
