// Decisions on their way to the server: one after the other, kept until the server has answered, tried again until it does.
//
// What waits is also kept in the tab's own storage, so that a reload or a crash of the tab loses nothing.

import { Refusal, post } from "./api.js";

const WAITS = [500, 1000, 2000, 4000, 8000]; // ms between attempts
const STORE = "darkroom.unsaved";

// A decision said twice is the same decision; a step taken back twice is two steps, so it is never sent again by itself.
const again = (job) => !["/api/undo", "/api/redo"].includes(job.path);

const digits = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export const session = sessionStorage.getItem("darkroom.session") ?? digits(); // one a tab, the same after a reload
sessionStorage.setItem("darkroom.session", session);

export class Saver extends EventTarget {
  constructor() {
    super();
    this.queue = []; // {path, body}
    this.attempts = 0;
    this.busy = false;
    this.trouble = null;
    addEventListener("beforeunload", (event) => this.queue.length && event.preventDefault());
  }

  // "saved" only where nothing waits.
  get state() {
    return this.queue.length === 0 ? "saved" : this.trouble ? "failed" : "saving";
  }

  // How many images or steps wait.
  get pending() {
    return this.queue.reduce((sum, job) => sum + (job.body.words?.length ?? 1), 0);
  }

  // What this tab left behind before it was loaded again.
  get left() {
    try {
      return JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
    } catch {
      sessionStorage.removeItem(STORE);
      return [];
    }
  }

  // Settled when the server has answered: the answer, or a Refusal that trying again cannot mend.
  send(path, body) {
    return new Promise((done, failed) => {
      this.queue.push({ path, body: { ...body, session }, done, failed });
      this.#keep();
      this.#run();
    });
  }

  // Settled when something cannot be saved for now.
  stuck() {
    return new Promise((done) => {
      const look = () => {
        if (this.trouble) done();
        else if (this.queue.length) this.addEventListener("change", look, { once: true });
      };
      look();
    });
  }

  // Try at once, not at the next turn.
  hurry() {
    clearTimeout(this.timer);
    this.timer = null;
    this.#run();
  }

  // Give up the first that waits, where its trouble will not pass: it fails with that trouble.
  drop() {
    const job = this.queue.shift();
    const { trouble } = this;
    this.trouble = null;
    this.#keep();
    job?.failed?.(trouble);
    this.hurry();
  }

  async #run() {
    if (this.busy || this.timer || !this.queue.length) return this.#tell();
    this.busy = true;
    this.#tell();
    const job = this.queue[0];
    let settle;
    try {
      const answer = await post(job.path, job.body);
      settle = () => job.done(answer);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (refusal.final || !again(job)) settle = () => job.failed(refusal);
      else this.#wait(refusal);
    }
    this.busy = false;
    if (settle && this.queue[0] === job) {
      this.queue.shift();
      this.attempts = 0;
      this.trouble = null;
      this.#keep();
      settle();
    }
    this.#run();
  }

  #wait(refusal) {
    this.trouble = refusal;
    const wait = WAITS[Math.min(this.attempts++, WAITS.length - 1)];
    this.timer = setTimeout(() => this.hurry(), wait);
  }

  #keep() {
    try {
      const jobs = this.queue.filter(again).slice(0, 500).map(({ path, body }) => ({ path, body }));
      sessionStorage.setItem(STORE, JSON.stringify(jobs));
    } catch {
      sessionStorage.removeItem(STORE); // too much for the tab's storage: the warning on leaving still holds
    }
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
