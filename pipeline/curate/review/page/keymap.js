// What each key does: [keys, words for the list of keys, action, keys as the list shows them].

const DECIDING = /^([kru]|(Shift\+)?[1-9])$/;

// A key too many decides nothing behind the card at the end; a crop box takes its keys before anything else.
export const first = ({ done, loupe }) => (name) => (done.open ? DECIDING.test(name) : loupe.open && loupe.key(name));

export function keymap({ actions, selection, library, grid, loupe, moves, controls, reasons, help }) {
  // Keys act in the order they were pressed, though a decision may first have to wait for its row.
  const inOrder = (action) => (event) => void actions.do(() => action(event));
  const inLoupe = (name) => () => (loupe.open || name === "crop" || name === "note" ? void actions.do(() => (loupe.show(), loupe.tool(name))) : false);
  const reject = reasons.slice(0, 9).map((reason, i) => [[`Shift+${i + 1}`], `reject: ${reason}`, () => actions.decide("reject", reason)]);
  const digits = Array.from({ length: 9 }, (_, i) => String(i + 1));
  return [
    ["Decide", [
      [["k"], "keep, and on to the next", () => actions.decide("keep")],
      [["r"], "reject, and on to the next", () => actions.decide("reject")],
      [["u"], "undecided again", () => actions.decide("")],
      [digits, "keep this one of the group, reject its copies", (event) => actions.pick(Number(event.code.at(-1))), ["1", "\u2026", "9"]],
      [["z"], "undo", () => actions.undo()],
      [["Shift+z"], "redo", () => actions.redo()],
    ]],
    ["Reject with a reason", reject],
    ["Move", [
      [["ArrowLeft", "Shift+ArrowLeft"], "", inOrder((event) => moves.move(-1, event))],
      [["ArrowRight", "Shift+ArrowRight"], "", inOrder((event) => moves.move(1, event))],
      [["ArrowUp", "Shift+ArrowUp"], "", inOrder(moves.vertical(-1))],
      [["ArrowDown", "Shift+ArrowDown"], "move; with Shift, select a range", inOrder(moves.vertical(1)), ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]],
      [["n"], "next undecided", inOrder(() => moves.seek(1))],
      [["p"], "previous undecided", inOrder(() => moves.seek(-1))],
      [["Home", "Shift+Home"], "", inOrder((event) => moves.move(-selection.focus, event))],
      [["End", "Shift+End"], "first, last", inOrder((event) => moves.move(library.list.length, event)), ["Home", "End"]],
      [["PageUp", "Shift+PageUp"], "", inOrder((event) => moves.move(-grid.page, event))],
      [["PageDown", "Shift+PageDown"], "a screen up, down", inOrder((event) => moves.move(grid.page, event)), ["PageUp", "PageDown"]],
    ]],
    ["Select", [
      [["x"], "select or unselect this one", inOrder(() => loupe.open || selection.toggle(selection.focus))],
      [["a"], "select all that is listed", inOrder(() => moves.all())],
      [["Escape"], "clear, or close", inOrder(() => moves.escape())],
    ]],
    ["Look", [
      [["Enter", " "], "large, and back", inOrder(() => moves.look())],
      [["g"], "the group side by side", inLoupe("compare")],
      [["b"], "blink between two of the group", inLoupe("blink")],
      [["d"], "their difference", inLoupe("difference")],
      [["t"], "ground: checks, black, white", inLoupe("ground")],
      [["c"], "crop box: arrows, Shift and arrows, Enter", inLoupe("crop")],
      [["e"], "note", inLoupe("note")],
    ]],
    ["List", [
      [["s"], "sort by likeness to this image", inOrder(() => loupe.open || moves.similar())],
      [["f"], "only this group, and back", inOrder(() => moves.group())],
      [["/"], "search", () => controls.search()],
      [["+", "="], "", () => controls.zoom(16)],
      [["-"], "larger, smaller tiles", () => controls.zoom(-16), ["+", "-"]],
      [["?"], "these keys", () => help()],
    ]],
  ];
}
