// The review page: its parts made and joined.

import { Actions } from "./actions.js";
import { Controls } from "./controls.js";
import { Done } from "./done.js";
import { $, make } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { first, keymap } from "./keymap.js";
import { Keys } from "./keys.js";
import { Library } from "./library.js";
import { follow, tellDisputes } from "./live.js";
import { Loupe } from "./loupe.js";
import { Moves } from "./moves.js";
import { Saver } from "./saver.js";
import { Selection } from "./selection.js";
import { Person, showAbout, showProgress, theme, watchSaving } from "./status.js";
import { toast } from "./tell.js";

const library = new Library();
const selection = new Selection(library);
const saver = new Saver();
const person = new Person();
const actions = new Actions(library, selection, saver, person);
const grid = new Grid($("grid"), $("sheet"), library, selection);
const filters = new Filters(library, person);
const done = new Done(library, filters);
const loupe = new Loupe({ element: $("loupe"), easel: $("easel"), title: $("loupe-title"), hint: $("hint"), tools: $("tools"), details: $("details") }, library, selection, actions);
const moves = new Moves({ library, selection, grid, loupe, done, filters, controls: () => controls, finished });
const help = () => keys.help();
const refresh = () => load({ keep: library.list[selection.focus] });
const controls = new Controls({ actions, grid, loupe, moves, person, help, refresh, reasons: () => library.project.reasons });
let keys;
let refreshing;

// ---- lists

let loads = 0;

async function load({ at = null, keep = null } = {}) {
  const mine = ++loads;
  document.body.dataset.ready = "0";
  try {
    const query = filters.asked;
    await actions.line; // what was said before a filter changed belongs to the list it was said in
    await library.load(query);
  } catch (refusal) {
    return toast(refusal.message, { kind: "bad", stays: 0, act: "Again", then: () => load({ at, keep }) });
  }
  if (mine !== loads) return;
  const kept = keep !== null ? (library.place[keep] ?? -1) : -1;
  selection.move(at ?? (kept >= 0 ? kept : Math.max(0, library.next(-1))));
  grid.show(selection.focus);
  $("empty").hidden = library.list.length > 0;
  $("empty").replaceChildren(library.query.class || filters.narrowed ? "Nothing fits these filters." : "There are no images yet.", " ",
    filters.narrowed ? make("button", { type: "button", class: "plain", click: () => filters.only({}) }, "Show all") : "");
  drawStatus();
  await library.row(selection.focus).catch(() => null);
  drawStatus();
  moves.ahead();
  document.body.dataset.ready = "1";
}

async function reload() {
  const n = library.list[selection.focus];
  library.forget();
  await library.start(person.name);
  filters.fill();
  await load({ keep: n });
}

const soon = (action) => {
  let timer = null;
  return () => (timer ??= requestAnimationFrame(() => ((timer = null), action())));
};
const drawStatus = soon(() => {
  showProgress(library, actions);
  showAbout(library, selection);
  if (done.open && library.left) done.close(); // an undo, or new work
  for (const id of ["do-keep", "do-reject", "do-blank", "do-reason"]) $(id).disabled = !library.list.length;
  const since = library.query.decision === "undecided" ? library.list.length - library.left : 0;
  $("stale").hidden = !since;
  $("stale").firstElementChild.textContent = `${since} decided since`;
  const state = selection.row && library.state(selection.row);
  document.body.dataset.decision = state?.decision ?? "";
});

function finished() {
  loupe.close();
  controls.drawer(false);
  done.show(); // at once, so that a key too many finds it; what to offer is asked for behind it
  refreshClasses().then(() => done.open && done.show(), () => {});
}

async function refreshClasses() {
  const { project, since } = library;
  await library.start(person.name);
  library.since = since; // what happened in between is still asked for
  if (project.reviewers.join() !== library.project.reviewers.join()) filters.fill();
  filters.draw();
}

// ---- joined

selection.addEventListener("change", drawStatus);
library.addEventListener("rows", drawStatus);
library.addEventListener("refused", ({ detail }) => detail.status === 403 && toast(detail.message, { kind: "bad", stays: 0 }));
actions.addEventListener("counts", () => {
  filters.draw();
  drawStatus();
  clearTimeout(refreshing); // the classes' own counts are asked for once the hand rests, or at once for the card
  refreshing = setTimeout(() => refreshClasses().then(() => done.open && done.show()).catch(() => {}), done.open ? 0 : 2000);
});
actions.covered = () => done.open;
actions.addEventListener("go", () => (grid.show(selection.focus), moves.ahead()));
actions.addEventListener("group", () => moves.group());
actions.addEventListener("look", () => loupe.show());
actions.addEventListener("finished", finished);
grid.addEventListener("open", () => moves.look());
filters.addEventListener("change", () => (loupe.close(), done.close(), filters.query.sort === "similar" ? load({ at: 0 }) : refresh()));
filters.addEventListener("similar", () => moves.similar());
person.addEventListener("change", () => reload().catch((refusal) => toast(refusal.message, { kind: "bad" })));
watchSaving(saver);
tellDisputes(library, actions, (row) => {
  const place = library.placeOf(row.id);
  if (place < 0) return filters.only({ class: "", conflict: true, show: "all" });
  actions.go(place);
  loupe.show();
});

async function start() {
  try {
    await library.start(person.name);
  } catch (refusal) {
    document.body.dataset.ready = "0";
    return toast(refusal.message, { kind: "bad", stays: 0, act: "Try again", then: start });
  }
  library.titles = new Map(library.project.classes.map(({ name, title }) => [name, title]));
  person.start(library.project.reviewer);
  actions.resume();
  keys = new Keys(keymap({ actions, selection, library, grid, loupe, moves, controls, help, reasons: library.project.reasons }), { before: first({ done, loupe }) });
  filters.query.class = new URLSearchParams(location.search).get("class") ?? "";
  if (!library.titles.has(filters.query.class)) filters.query.class = "";
  filters.fill();
  $("grid").focus({ preventScroll: true });
  await load();
  follow(library, actions, person, () => reload().catch(() => {}));
}

theme();
start();
