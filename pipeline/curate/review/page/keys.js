// Every key, what it is called and what it does: the same table answers the keyboard and fills the list of keys.
//
// Letters go by what is printed on the key, numbers by where the key is (event.code), so that Shift and a number work on
// every layout. Ctrl and Cmd belong to the browser.

import { $, make } from "./dom.js";

const LETTERS = /^[a-z]$/;

export class Keys {
  // `groups` is [title, [[keys, words, action], …]]; an action gets the event and returns false where it does not apply.
  constructor(groups, context) {
    this.groups = groups;
    this.context = context;
    this.table = new Map(groups.flatMap(([, rows]) => rows.flatMap(([names, , action]) => names.map((name) => [name, action]))));
    addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (typing(event.target)) return;
    const name = nameOf(event);
    if (ownKeys(event.target).includes(name)) return;
    if (this.context.before?.(name, event)) return event.preventDefault();
    const action = this.table.get(name);
    if (!action || action(event) === false) return;
    event.preventDefault();
  }

  // The list of keys, as a dialog.
  help() {
    const dialog = $("help");
    const rows = (list) => list.filter(([, words]) => words).map(([names, words, , shown]) =>
      make("div", { class: "key-row" }, make("dt", {}, (shown ?? names).flatMap((name) => make("kbd", {}, printed(name)))), make("dd", {}, words)));
    dialog.replaceChildren(
      make("header", {}, make("h2", { id: "help-title" }, "Keys"), make("button", { type: "button", class: "plain", click: () => dialog.close(), "aria-label": "Close", autofocus: true }, "\u2715")),
      make("div", { class: "key-groups" }, this.groups.map(([title, list]) => make("section", {}, make("h3", {}, title), make("dl", {}, rows(list))))),
    );
    dialog.onkeydown = (event) => {
      if (!["?", "Escape"].includes(event.key)) return;
      event.preventDefault();
      dialog.close();
    };
    dialog.onclick = (event) => void (event.target === dialog && dialog.close());
    dialog.showModal();
  }
}

// "k", "Shift+z", "Shift+1", "ArrowLeft", "Shift+ArrowLeft", "?"
function nameOf(event) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
  if (digit && !(event.code.startsWith("Numpad") && !/^[0-9]$/.test(event.key))) return event.shiftKey ? `Shift+${digit}` : digit;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (LETTERS.test(key) || event.key.length > 1) return event.shiftKey ? `Shift+${key}` : key;
  if (/[^\x00-\x7f]/.test(key) && /^Key[A-Z]$/.test(event.code)) return (event.shiftKey ? "Shift+" : "") + event.code.slice(3).toLowerCase(); // Greek, Cyrillic …
  return key === " " && event.shiftKey ? "Shift+ " : key;
}

function typing(target) {
  return target.matches?.("textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox])");
}

// What a focused control does by itself.
function ownKeys(target) {
  if (target.matches?.("button, a[href], summary")) return ["Enter", " "];
  if (target.matches?.("input[type=range]")) return ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
  return [];
}

function printed(name) {
  const arrows = { ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193", " ": "Space", PageUp: "Page Up", PageDown: "Page Down", Escape: "Esc" };
  return (name.length === 1 ? [name] : name.split("+")).map((part) => arrows[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}
