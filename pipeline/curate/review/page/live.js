// What others say, and what is written beside the page, arrives while it is open.

import { get } from "./api.js";
import { toast } from "./tell.js";

const EVERY = 1500; // ms

export function follow(library, actions, person, restarted) {
  const look = async () => {
    if (document.visibilityState !== "visible" || actions.saver.busy) return;
    let found;
    try {
      found = await get(`/api/changes?since=${library.since}&who=${encodeURIComponent(person.name)}`);
    } catch {
      return; // a decision that does not arrive says so; looking again costs nothing
    }
    const again = found.since < library.since; // another server counts from the start
    library.since = found.since;
    const disputed = library.learn(found.states);
    library.counts = found.counts;
    if (found.states.length) actions.dispatchEvent(new Event("counts"));
    for (const row of disputed) actions.dispatchEvent(new CustomEvent("disputed", { detail: row }));
    if (again) restarted();
  };
  let stopped = false;
  const turn = async () => {
    await look();
    if (!stopped) setTimeout(turn, EVERY);
  };
  setTimeout(turn, EVERY);
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => (stopped = true));
}

// Somebody said otherwise about an image that was judged here a moment ago.
export function tellDisputes(library, actions, show) {
  actions.addEventListener("disputed", ({ detail: row }) => {
    const ours = actions.judged.get(row.id);
    if (ours === undefined) return;
    const others = row.state.words.filter((word) => word.decision && word.decision !== ours);
    if (!others.length) return;
    const names = others.map((word) => (word.reviewer === actions.person.name ? "another window with your name" : word.reviewer || "somebody")).join(", ");
    const words = { keep: "keeps", reject: "rejects" }[others[0].decision];
    toast(`${names} ${words} ${row.title || row.id}, you do not.`, { kind: "warn", stays: 12000, act: "Look", then: () => show(row) });
  });
}
