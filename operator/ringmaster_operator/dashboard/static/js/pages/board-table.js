/** The same beads as a table, to pick many of them. */

import { h } from "../core/dom.js";
import { ago, usd } from "../core/format.js";
import { beadLink, chip, priority, workerLink } from "../parts/bits.js";
import { grid } from "../parts/rows.js";

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/** @typedef {import("./board.js").Board} Board */

const ROW = 40;
/** @type {[string, string, string][]} Heads, their classes, and what a click on them sorts by. */
const HEADS = [
  ["Priority", "narrow", "priority"], ["Title", "wide-cell", "name"], ["Phase", "medium", ""], ["Worker", "medium", ""],
  ["Spent", "narrow number", "cost"], ["Created", "medium", "newest"],
];

/**
 * @param {Board} board
 * @returns {import("./board.js").View}
 */
export function beadTable(board) {
  /** @type {BeadInfo[]} */
  let shown = [];
  const all = h("input", { type: "checkbox", "aria-label": "Pick all that are shown", onchange: () => board.pickAll(shown.map(({ name }) => name), all.checked) });
  const heads = [
    h("th", { scope: "col", class: "pick" }, all),
    ...HEADS.map(([text, kind, sort]) =>
      h("th", { scope: "col", class: kind }, sort ? h("button", { class: "quiet sort", type: "button", "aria-pressed": String((board.filter.sort || "priority") === sort), onclick: () => board.set({ sort }) }, text) : text)),
  ];
  const rows = grid({ height: ROW, label: "Beads", heads, signal: board.signal, key: (/** @type {BeadInfo} */ bead) => bead.name, look: (bead) => board.look(bead), row: (bead) => rowOf(board, bead) });
  return {
    element: h("div", { class: "table-frame" }, rows.element),
    show: (beads) => {
      shown = beads;
      all.checked = beads.length > 0 && beads.every(({ name }) => board.picked.has(name));
      all.indeterminate = !all.checked && board.picked.size > 0;
      rows.show(beads);
    },
    order: (beads) => beads,
    reveal: (name) => rows.reveal(shown.findIndex((bead) => bead.name === name)),
  };
}

/**
 * @param {Board} board
 * @param {BeadInfo} bead
 */
function rowOf(board, bead) {
  const picked = board.picked.has(bead.name);
  return h(
    "tr",
    { "data-key": bead.name, class: `${picked ? "is-chosen" : ""} ${board.cursor === bead.name ? "is-cursor" : ""}` },
    h("td", { class: "pick" }, h("input", { type: "checkbox", checked: picked, "aria-label": `Pick ${bead.name}`, onclick: (/** @type {MouseEvent} */ event) => board.pick(bead.name, event.shiftKey) })),
    h("td", null, priority(bead.effectivePriority, bead.priority, bead.inheritedFrom)),
    h("td", { title: bead.title }, beadLink(board.namespace, bead.name, bead.title)),
    h("td", null, chip(bead.phase)),
    h("td", null, bead.worker && workerLink(board.namespace, bead.worker)),
    h("td", { class: "number" }, bead.usd ? usd(bead.usd) : ""),
    h("td", null, ago(bead.createdAt)),
  );
}
