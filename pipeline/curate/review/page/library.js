// What the page knows: the list in order, the rows around the eye, and what holds of each image.
//
// A list is row numbers only, so a hundred thousand images are half a megabyte; rows come in windows as they are looked
// at and the oldest are let go. `place` means a position in the list, `n` a row number of the server.

import { get, post } from "./api.js";

const WINDOW = 200; // rows asked for at once
const ROWS = 6000; // rows remembered at most, about a kilobyte each
const RECOUNT = 1000; // ms, for all that changes meanwhile
const REST = 2000; // ms before a question that failed is asked again
const ASKING = 3; // questions under way at once

export const BLANK = { decision: "", reason: "", crop: "", note: "", reviewer: "", at: "", conflict: false, words: [], version: 0 };

export class Library extends EventTarget {
  constructor() {
    super();
    this.query = {};
    this.list = [];
    this.rows = new Map(); // n -> row
    this.numbersOf = new Map(); // id -> numbers of the rows above: a file collected for two classes has two
    this.groups = new Map(); // group -> promise of its rows
    this.asked = new Map(); // window -> promise
    this.wanted = [];
    this.view = [0, 0];
    this.ours = new Map(); // id -> what was said here and is not yet saved
    this.place = new Int32Array(0); // n -> place, or -1
    this.open = new Uint8Array(0); // n -> 1 while somebody has to look at it
    this.left = 0; // how many are open
    this.since = 0;
  }

  get blind() {
    return Boolean(this.query.recheck);
  }

  async start(who) {
    this.project = await get(`/api/project?who=${encodeURIComponent(who)}`);
    this.since = this.project.since;
    this.counts = this.project.counts;
  }

  // Bring a list: its rows in order, and which of them nobody has decided (of conflicts and second looks: all).
  async load(query) {
    const every = query.conflict || query.recheck;
    const narrowed = { ...query, decision: "undecided" };
    const same = every || query.decision === "undecided";
    const none = !every && ["keep", "reject", "decided"].includes(query.decision);
    const [all, undecided] = await Promise.all([post("/api/list", query), same || none ? null : post("/api/list", narrowed)]);
    if (query.recheck || this.blind) this.forget(); // a second look must not be told the first
    for (const [id, word] of this.ours) if (word.saved) this.ours.delete(id);
    this.query = query;
    this.list = all.rows;
    const size = all.rows.reduce((most, n) => Math.max(most, n), -1) + 1;
    this.place = new Int32Array(size).fill(-1);
    this.list.forEach((n, place) => (this.place[n] = place));
    this.open = new Uint8Array(size);
    const still = same ? all.rows : none ? [] : undecided.rows;
    for (const n of still) if (n < size && this.place[n] >= 0) this.open[n] = 1;
    for (const row of this.rows.values()) this.#settleOpen(row);
    this.left = this.open.reduce((sum, one) => sum + one, 0);
    this.asked.clear();
    this.wanted = [];
    this.#changed("list");
  }

  forget() {
    this.rows.clear();
    this.numbersOf.clear();
    this.groups.clear();
    this.asked.clear();
  }

  at(place) {
    return this.rows.get(this.list[place]);
  }

  placeOf(id) {
    const places = (this.numbersOf.get(id) ?? []).map((n) => this.place[n] ?? -1);
    return places.find((place) => place >= 0) ?? -1;
  }

  // What holds of a row: what was said here and is still on its way, else what the server said.
  state(row) {
    const said = this.ours.get(row.id);
    return said ? { ...row.state, ...said } : row.state;
  }

  // The next place after `from` that is open, around the end; -1 where all is done.
  next(from, step = 1) {
    const total = this.list.length;
    for (let walked = 1; walked <= total; walked++) {
      const place = (((from + step * walked) % total) + total) % total;
      if (this.open[this.list[place]]) return place;
    }
    return -1;
  }

  setOpen(n, open) {
    if (n >= this.open.length || this.place[n] < 0 || this.open[n] === Number(open)) return;
    this.open[n] = Number(open);
    this.left += open ? 1 : -1;
  }

  // ---- rows

  // Have the rows of these places brought, the nearest to their middle first; what was asked for elsewhere is dropped.
  need(first, last) {
    this.view = [first, last];
    const middle = (first + last) / 2 / WINDOW - 0.5;
    const windows = [];
    for (let w = Math.floor(Math.max(0, first) / WINDOW); w * WINDOW <= Math.min(last, this.list.length - 1); w++) {
      if (!this.asked.has(w) && this.#lacks(w)) windows.push(w);
    }
    this.wanted = windows.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    while (this.asked.size < ASKING && this.wanted.length) this.#ask(this.wanted.shift()).catch(() => {});
  }

  // The row of one place, asked for if it is not here.
  async row(place) {
    const n = this.list[place];
    for (let attempt = 0; !this.rows.has(n) && attempt < 3; attempt++) {
      const w = Math.floor(place / WINDOW);
      await (this.asked.get(w) ?? this.#ask(w));
    }
    return this.rows.get(n);
  }

  // The rows of many numbers, kept or not: for a selection. `told` hears how many have come.
  async gather(numbers, told = () => {}) {
    const found = new Map(numbers.filter((n) => this.rows.has(n)).map((n) => [n, this.rows.get(n)]));
    const missing = numbers.filter((n) => !found.has(n));
    for (let start = 0; start < missing.length; start += 500) {
      const answer = await post("/api/rows", { rows: missing.slice(start, start + 500), ...this.#asker });
      for (const { n, id, state } of answer.rows) found.set(n, { n, id, state }); // no more of it: there may be 100,000
      told(found.size);
    }
    return numbers.map((n) => found.get(n)).filter(Boolean);
  }

  // The members of a group, the kept one first; at most one question a group until something in it changes.
  group(row) {
    if (!row.group || row.size < 2) return Promise.resolve([row]);
    if (!this.groups.has(row.group)) {
      if (this.groups.size > 200) this.groups.clear();
      const answer = get(`/api/group/${encodeURIComponent(row.group)}?${new URLSearchParams(this.#asker)}`).then((found) => found.rows.map((member) => this.#remember(member)));
      answer.catch(() => this.groups.delete(row.group));
      this.groups.set(row.group, answer);
    }
    return this.groups.get(row.group);
  }

  get #asker() {
    return { who: this.query.who, recheck: this.blind };
  }

  #lacks(w) {
    const end = Math.min((w + 1) * WINDOW, this.list.length);
    for (let place = w * WINDOW; place < end; place++) if (!this.rows.has(this.list[place])) return true;
    return false;
  }

  #ask(w) {
    const list = this.list;
    const numbers = list.slice(w * WINDOW, (w + 1) * WINDOW);
    const answer = post("/api/rows", { rows: numbers, ...this.#asker }).then(({ rows }) => {
      if (list !== this.list) return;
      rows.forEach((row) => this.#remember(row));
      this.#letGo();
      this.#changed("rows");
    });
    const over = () => {
      if (this.asked.get(w) === answer) this.asked.delete(w);
      if (list === this.list) this.need(...this.view);
    };
    this.asked.set(w, answer);
    answer.then(over, (refusal) => {
      setTimeout(over, REST);
      this.dispatchEvent(new CustomEvent("refused", { detail: refusal }));
    });
    return answer;
  }

  #remember(row) {
    const known = this.rows.get(row.n);
    if (known) {
      if (row.state.version >= known.state.version) known.state = row.state;
      this.#settleOpen(known);
      return known;
    }
    this.rows.set(row.n, row);
    this.numbersOf.set(row.id, [...(this.numbersOf.get(row.id) ?? []), row.n]);
    this.#settleOpen(row);
    return row;
  }

  #settleOpen(row) {
    if (this.blind) return; // closed by our own word alone
    const state = this.state(row);
    this.setOpen(row.n, this.query.conflict ? state.conflict : !state.decision && !state.conflict); // a conflict has a list of its own
  }

  #rowsOf(id) {
    return (this.numbersOf.get(id) ?? []).map((n) => this.rows.get(n));
  }

  #letGo() {
    const [first, last] = this.view;
    for (const [n, row] of this.rows) {
      if (this.rows.size <= ROWS) return;
      const place = this.place[n] ?? -1;
      if (place > first - 2 * WINDOW && place < last + 2 * WINDOW) continue;
      this.rows.delete(n);
      const others = this.numbersOf.get(row.id).filter((other) => other !== n);
      if (others.length) this.numbersOf.set(row.id, others);
      else this.numbersOf.delete(row.id);
    }
  }

  // ---- states

  // What the server says of images now; -> those among them that are shown here and have become conflicts.
  learn(states) {
    const disputed = [];
    if (this.blind) return disputed; // what others say is not for a second look
    for (const state of states) {
      const rows = this.#rowsOf(state.id);
      if (!rows.length) {
        this.recount ??= setTimeout(() => this.#count().catch(() => {}), RECOUNT);
        continue;
      }
      if (state.conflict && !rows[0].state.conflict) disputed.push(rows[0]);
      for (const row of rows) {
        row.state = state;
        this.#settleOpen(row);
      }
    }
    if (states.length) this.#changed("rows");
    return disputed;
  }

  // Images whose rows are not here were decided or undone: ask anew which are open; the list itself stays as it is.
  async #count() {
    this.recount = null;
    const { query } = this;
    const { rows } = await post("/api/list", query.conflict ? query : { ...query, decision: "undecided" });
    if (query !== this.query) return;
    this.open.fill(0);
    this.left = 0;
    for (const n of rows) if (n < this.place.length) this.setOpen(n, true);
    for (const row of this.rows.values()) this.#settleOpen(row);
    this.#changed("rows");
  }

  // What was said here holds at once: before the server has it.
  say(said) {
    for (const [row, word] of said) {
      this.ours.set(row.id, word);
      if (this.blind) this.setOpen(row.n, !word.decision);
      else [row, ...this.#rowsOf(row.id)].forEach((one) => this.#settleOpen(one));
    }
    this.#changed("rows");
  }

  // The server has it (or will never have it): its own answer counts again.
  unsay(said) {
    for (const [{ id }, word] of said) {
      if (this.blind) word.saved = true; // shown until the list changes: the row itself stays untold
      else if (this.ours.get(id) === word) this.ours.delete(id);
      this.#rowsOf(id).forEach((row) => this.#settleOpen(row));
    }
    this.#changed("rows");
  }

  #changed(what) {
    this.dispatchEvent(new Event(what));
  }
}
