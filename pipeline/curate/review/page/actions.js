// What a person can do to images. Everything holds on the page at once and is on its way to the server before the next key.
//
// Actions run one after the other, so that fast keys never overtake a row that is still on its way.

import { counted } from "./dom.js";
import { ask, say, toast } from "./tell.js";

const MANY = 200; // images from which a question comes first
const GLANCE = 400; // ms in which nobody can have read both answers: a key pressed in a run of keys settles nothing
const DONE = { keep: "kept", reject: "rejected", "": "undecided again" };

export class Actions extends EventTarget {
  constructor(library, selection, saver, person) {
    super();
    Object.assign(this, { library, selection, saver, person });
    this.line = Promise.resolve();
    this.times = []; // when each decision was made, for the rate
    this.judged = new Map(); // id -> what this tab said, to notice when somebody differs
  }

  // Run after what is under way; a failure is shown, never swallowed.
  do(action) {
    this.line = this.line.then(action).catch((error) => toast(error.message, { kind: "bad", stays: 0 }));
    return this.line;
  }

  decide(decision, reason = "") {
    return this.do(() => (this.selection.chosen.size ? this.#many(decision, reason) : this.#one(decision, reason)));
  }

  async #one(decision, reason) {
    if (this.covered?.()) return; // keys that were pressed before the card at the end came up decide nothing
    const place = this.selection.focus;
    const row = await this.library.row(place);
    if (!row) return;
    if (this.library.state(row).conflict) {
      const unseen = !this.looking || performance.now() - this.warned < GLANCE;
      if (!this.looking) {
        this.warned = performance.now();
        this.dispatchEvent(new Event("look"));
      }
      if (unseen) {
        say("two people disagree about this image: look, then keep or reject settles it");
        return;
      }
      this.#settle(row, decision, reason);
    } else this.#send([[row, { decision, reason: decision === "reject" ? reason : "" }]]);
    this.#onward(place, reason ? `rejected as ${reason}` : DONE[decision]);
  }

  async #many(decision, reason) {
    const numbers = [...this.selection.chosen];
    const words = { keep: "Keep", reject: "Reject", "": "Undecide" }[decision];
    const sure = numbers.length <= MANY || (await ask(`${words} ${counted(numbers.length, "image")}?`, "It is one step: Z takes it back.", words));
    if (!sure) return;
    const note = numbers.length > 2000 ? toast("reading the selection\u2026", { stays: 0 }) : null;
    const rows = await this.library.gather(numbers, (count) => note && (note.firstChild.textContent = `reading the selection: ${count} of ${numbers.length}`));
    note?.remove();
    const calm = rows.filter((row) => !this.library.state(row).conflict);
    if (calm.length < rows.length) toast(`${counted(rows.length - calm.length, "conflict")} left out: each is settled in the loupe`);
    this.#send(calm.map((row) => [row, { decision, reason: decision === "reject" ? reason : "" }]));
    this.selection.clear();
    const text = `${DONE[decision]}: ${counted(calm.length, "image")}`;
    toast(text, { act: "Undo", then: () => this.undo() });
    this.#onward(this.selection.focus, text);
  }

  // The n-th of the group is the one to keep, the others are its duplicates.
  pick(number) {
    return this.do(async () => {
      if (this.covered?.()) return;
      const place = this.selection.focus;
      const row = await this.library.row(place);
      if (!row) return;
      const members = await this.library.group(row);
      if (number > members.length) return say(`this group has ${members.length}`);
      const chosen = members[number - 1];
      const rest = members.filter((member) => member.id !== chosen.id); // one file in two classes is one image
      this.#send([chosen, ...rest].map((member) => [member, member === chosen ? { decision: "keep", reason: "" } : { decision: "reject", reason: "duplicate" }]));
      if (members.length > 1) toast(`kept ${number} of ${members.length}, the rest rejected as duplicates`, { act: "Undo", then: () => this.undo() });
      this.#onward(place, `kept number ${number} of the group`);
    });
  }

  // One member of a group, from its own buttons.
  judge(row, decision) {
    return this.do(() => this.#send([[row, { decision, reason: decision === "reject" ? "duplicate" : "" }]]));
  }

  // A crop box or a note, whatever was decided.
  amend(row, change) {
    return this.do(() => this.#send([[row, change]]));
  }

  undo() {
    return this.do(() => this.#step("/api/undo", "nothing to undo"));
  }

  redo() {
    return this.do(() => this.#step("/api/redo", "nothing to redo"));
  }

  // Words that a tab left unsaved are on their way again; a list comes after them, so that none of them is asked for anew.
  resume() {
    const sent = this.saver.left.map(({ path, body }) => {
      const words = body.words ?? [body.word];
      for (const word of words) this.library.ours.set(word.id, word);
      return this.#sent(this.saver.send(path, body), words.map((word) => [{ id: word.id }, word]));
    });
    this.do(() => Promise.race([Promise.all(sent), this.saver.stuck()]));
  }

  #settle(row, decision, reason) {
    const word = { ...this.#word(row, { decision, reason }), conflict: false, words: [] };
    const { conflict, words, ...said } = word;
    this.library.say([[row, word]]);
    this.judged.set(row.id, decision);
    this.#sent(this.saver.send("/api/settle", { word: said, reviewer: this.person.name }), [[row, word]]);
  }

  #send(changes) {
    if (!changes.length) return;
    const { blind } = this.library;
    const said = changes.map(([row, change]) => [row, this.#word(row, change)]);
    this.library.say(said);
    for (const [row, word] of said) this.judged.set(row.id, word.decision);
    const now = performance.now();
    if (changes.every(([, change]) => change.decision)) this.times.push(...Array(Math.min(changes.length, 50)).fill(now));
    const body = { words: said.map(([, word]) => word), reviewer: this.person.name, blind };
    this.#sent(this.saver.send("/api/decide", body), said);
  }

  // A word says all of an image: what does not change is said again.
  #word(row, change) {
    const { decision, reason, crop, note, version } = { ...this.library.state(row), ...change };
    return { id: row.id, decision, reason, crop, note, seen: row.state.version };
  }

  #sent(answer, said) {
    const settled = () => this.library.unsay(said);
    return answer.then(
      (found) => {
        this.#take(found);
        settled();
      },
      (refusal) => {
        settled();
        toast(`not saved: ${refusal.message}`, { kind: "bad", stays: 0 });
      },
    );
  }

  async #step(path, nothing) {
    const answer = this.saver.send(path, { reviewer: this.person.name }).then((found) => this.#stepped(found, path, nothing));
    await Promise.race([answer, this.saver.stuck()]); // a server that is away must not stop the keys
  }

  #stepped(found, path, nothing) {
    if (!found.done) return toast(nothing, { stays: 2500 });
    this.#take(found);
    const places = found.states.map((state) => this.library.placeOf(state.id)).filter((place) => place >= 0);
    for (const state of found.states) {
      if (!this.library.blind) continue;
      this.library.ours.delete(state.id);
      const place = this.library.placeOf(state.id);
      if (place >= 0) this.library.setOpen(this.library.list[place], true);
    }
    if (places.length) this.go(Math.min(...places));
    const did = path.endsWith("undo") ? "undone" : "done again";
    const state = found.states[0];
    say(found.states.length === 1 ? `${did}: ${DONE[state.decision]}` : `${did}: ${counted(found.states.length, "image")}`);
  }

  #take(found) {
    const disputed = this.library.learn(found.states);
    this.library.counts = found.counts;
    this.library.groups.clear(); // their rows hold states of their own
    this.dispatchEvent(new CustomEvent("counts"));
    for (const row of disputed) this.dispatchEvent(new CustomEvent("disputed", { detail: row }));
  }

  // To the next image that nobody has decided, or the card that says all are.
  #onward(place, what) {
    const next = this.library.next(place);
    const { left } = this.library;
    const total = this.library.list.length;
    if (next < 0) {
      say(`${what}, ${total} of ${total}: all done`);
      this.dispatchEvent(new Event("finished"));
      return;
    }
    this.go(next);
    const row = this.library.at(next);
    say(`${what}, ${total - left} of ${total}, next: ${row?.title || row?.id || "loading"}`);
  }

  go(place) {
    this.selection.move(place);
    this.dispatchEvent(new CustomEvent("go", { detail: place }));
  }

  // Images a minute over the last ones, without the pauses; null before there is anything to go by.
  get rate() {
    const recent = this.times.slice(-40);
    if (recent.length < 5) return null;
    let busy = 0;
    for (let i = 1; i < recent.length; i++) busy += Math.min(recent[i] - recent[i - 1], 20_000);
    return busy > 0 ? ((recent.length - 1) / busy) * 60_000 : null;
  }
}
