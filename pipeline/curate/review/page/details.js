// Beside a large image: what it is, where it is from, what was measured, and what people have said of it.

import { get } from "./api.js";
import { counted, link, make, number, weight } from "./dom.js";

const SHOWN = 0.3; // scores below say nothing worth reading, unless flagged

const when = (text) => {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
};

// What people call a decision.
export const called = (decision) => ({ keep: "keep", reject: "reject" })[decision] ?? "undecided";

export class Details {
  constructor(element, library, actions) {
    Object.assign(this, { element, library, actions });
  }

  show(row) {
    const state = this.library.state(row);
    const same = this.row?.id === row.id && this.element.contains(document.activeElement);
    if (same && document.activeElement.matches("textarea")) return; // never under the fingers of a person who writes
    this.row = row;
    this.note = make("textarea", { id: "note", rows: 2, maxlength: 500, placeholder: "Note (E)", "aria-label": "Note", change: () => this.#keepNote() });
    this.note.value = state.note;
    this.note.addEventListener("keydown", (event) => this.#noteKey(event));
    this.history = make("ol", { class: "history" });
    this.element.replaceChildren(...[
      state.conflict ? this.#conflict(state) : this.#standing(row, state),
      make("div", { class: "note" }, this.note),
      this.#facts(row, state),
      this.#scores(row),
      make("section", {}, make("h3", {}, "History"), this.history),
    ].filter(Boolean));
    this.#tellHistory(row, state);
  }

  editNote() {
    this.note?.focus();
    this.note?.select();
  }

  #standing(row, state) {
    const proposal = !state.decision && !this.library.blind && row.proposal;
    const words = { keep: "Kept", reject: state.reason ? `Rejected: ${state.reason}` : "Rejected" }[state.decision];
    const by = [state.reviewer, state.at && when(state.at)].filter(Boolean).join(", ");
    return make("section", { class: "standing", "data-decision": state.decision, "data-proposal": proposal?.decision },
      make("p", { class: "verdict" }, words ?? (proposal ? `Proposed: ${proposal.decision}` : "Not decided")),
      words && by ? make("p", { class: "by" }, by) : null,
      proposal ? make("p", { class: "by" }, `as ${proposal.reviewer || "somebody"} decided for ${proposal.id}; K or R makes it yours`) : null);
  }

  #conflict(state) {
    const words = state.words.filter((word) => word.decision || word.at);
    return make("section", { class: "standing conflict" },
      make("p", { class: "verdict" }, "\u2260 Two answers"),
      make("ul", { class: "words" }, words.map((word) => make("li", { "data-decision": word.decision },
        make("b", {}, word.reviewer || "somebody"), ` says ${called(word.decision)}`, word.reason ? ` (${word.reason})` : "", word.crop ? ", cropped" : "",
        word.at ? make("span", { class: "by" }, when(word.at)) : null))),
      make("p", { class: "by" }, "K or R settles it: your answer stays, the others go into the history."));
  }

  #facts(row, state) {
    const aspect = row.width / row.height;
    const facts = [
      ["Pixels", `${row.width} \u00d7 ${row.height} (${((row.width * row.height) / 1e6).toFixed(1)} MP, ${aspect.toFixed(2)}:1)`],
      ["File", `${row.format}, ${weight(row.bytes)}`],
      ["Title", row.title],
      ["Creator", row.creator],
      ["Licence", row.license && link(row.license_url, row.license)],
      ["Page", row.page_url && link(row.page_url, shortened(row.page_url))],
      ["Image", row.image_url && link(row.image_url, shortened(row.image_url))],
      ["Source", [row.source, row.term && `\u201c${row.term}\u201d`].filter(Boolean).join(", ")],
      ["Class", this.library.titles.get(row.class) ?? row.class],
      ["Crop", state.crop],
      ["Rule", row.rule],
      ["Group", row.size > 1 && make("button", { type: "button", class: "plain", title: "Only this group (F)", click: () => this.actions.dispatchEvent(new Event("group")) }, counted(row.size, "image"))],
      ["Copy of", row.copy_of && [row.copy_of, row.kind, row.distance !== null && row.distance !== "" ? `${row.distance} of 256 bits` : ""].filter(Boolean).join(", ")],
      ["Id", row.id],
    ];
    return make("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  }

  #scores(row) {
    const scores = Object.entries(row.scores ?? {}).filter(([name, score]) => score >= SHOWN || row.flags.includes(name)).sort((a, b) => b[1] - a[1]);
    const rest = row.flags.filter((name) => !(name in (row.scores ?? {}))).map((name) => [name, null]);
    if (!scores.length && !rest.length) return null;
    return make("section", {}, make("h3", {}, "Measured"), make("ul", { class: "scores" }, [...scores, ...rest].map(([name, score]) => {
      const meter = score === null ? null : make("meter", { min: 0, max: 1, value: score, "aria-label": name });
      return make("li", { class: row.flags.includes(name) ? "flagged" : "" }, make("span", {}, row.flags.includes(name) ? `\u2691 ${name}` : name), meter, score === null ? "" : score.toFixed(2));
    })));
  }

  async #tellHistory(row, state) {
    if (this.library.blind) return this.history.replaceChildren(make("li", { class: "by" }, "A second look: what was said before is shown when the list is left."));
    this.told = row.id;
    try {
      const { entries } = await get(`/api/history/${encodeURIComponent(row.id)}`);
      if (this.told !== row.id) return;
      const lines = entries.slice(-30).reverse().map((entry) => make("li", { "data-decision": entry.decision },
        make("b", {}, entry.reviewer || "somebody"), ` ${entry.action === "decide" ? "" : `(${entry.action}) `}${called(entry.decision)}`,
        entry.reason ? `, ${entry.reason}` : "", entry.crop ? ", cropped" : "", entry.note ? `, \u201c${entry.note}\u201d` : "", entry.blind ? ", second look" : "",
        make("span", { class: "by" }, when(entry.at))));
      this.history.replaceChildren(...(lines.length ? lines : [make("li", { class: "by" }, state.decision ? "Written before there was a history." : "Nobody has said anything yet.")]));
    } catch (refusal) {
      this.history.replaceChildren(make("li", { class: "by" }, refusal.message));
    }
  }

  #noteKey(event) {
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Enter") {
      event.preventDefault();
      this.#keepNote();
      document.getElementById("loupe").focus();
    }
  }

  #keepNote() {
    const note = this.note.value.replace(/\s+/g, " ").trim();
    if (note !== this.library.state(this.row).note) this.actions.amend(this.row, { note });
  }
}

function shortened(address) {
  const words = address.replace(/^https?:\/\/(www\.)?/, "");
  return words.length > 46 ? `${words.slice(0, 30)}\u2026${words.slice(-14)}` : words;
}

// How members of a group compare: for each, its values, and whether another member has a better one.
export function compared(members) {
  const lossless = (row) => ["PNG", "TIFF", "BMP"].includes(row.format.toUpperCase());
  const measures = [
    ["pixels", (row) => row.width * row.height, (row) => `${row.width} \u00d7 ${row.height}`, 1.02],
    ["size", (row) => row.bytes, (row) => weight(row.bytes), 1.05],
    ["format", (row) => (lossless(row) ? 2 : 1), (row) => row.format, 1.5],
    ["sharp", (row) => (row.scores?.blurry === undefined ? null : 1 - row.scores.blurry), (row) => (1 - row.scores.blurry).toFixed(2), 1.05],
    ["flags", (row) => 1 / (1 + row.flags.length), (row) => row.flags.join(", ") || "none", 1.01],
    ["licence", (row) => (row.license && row.license !== "unknown" ? 2 : 1), (row) => row.license || "unknown", 1.5],
  ];
  return members.map((row) => measures.filter(([, value]) => value(row) !== null).map(([name, value, words, margin]) => {
    const values = members.map(value).filter((one) => one !== null);
    const best = Math.max(...values);
    return { name, words: words(row), worse: best > value(row) * margin, best: members.length > 1 && value(row) === best && Math.min(...values) * margin < best };
  }));
}

export const bits = (row) => (row.kind ? [row.kind, row.distance !== null && row.distance !== "" ? `${number(Number(row.distance))} bits` : ""].filter(Boolean).join(", ") : "");
