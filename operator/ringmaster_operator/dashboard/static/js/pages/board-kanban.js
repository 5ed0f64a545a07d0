/** Beads by phase, in columns; a card dragged to another column or priority is a wish to change it. */

import { h, paint } from "../core/dom.js";
import { count, usd } from "../core/format.js";
import { beadLink, chip, priority } from "../parts/bits.js";
import { list } from "../parts/rows.js";
import { byEnd } from "./board-filter.js";

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/** @typedef {import("./board.js").Board} Board */

/** Columns and the phases in them. */
export const COLUMNS = /** @type {const} */ ([
  ["Waiting", ["Pending", "Blocked"]],
  ["Held", ["Held"]],
  ["Ready", ["Ready"]],
  ["Running", ["Running"]],
  ["Needs you", ["NeedsDecision"]],
  ["Failed", ["Failed", "Cancelled"]],
  ["Done", ["Succeeded"]],
]);
/** @type {Map<string, number>} Columns by phase. */
const COLUMN_OF = new Map(COLUMNS.flatMap(([, phases], at) => phases.map((phase) => /** @type {const} */ ([phase, at]))));
/** Phases that their column does not tell. */
const TELLING = { Blocked: true, Cancelled: true };
const CARD = 88;
const PRIORITIES = ["P0", "P1", "P2", "P3", "P4"];
/** @type {BeadInfo[]} */
const noBeads = [];

/**
 * @param {Board} board
 * @returns {import("./board.js").View}
 */
export function kanban(board) {
  const columns = COLUMNS.map(([name, phases]) => {
    const head = h("div", { class: "column-head" });
    const cards = list({ height: CARD, label: `${name}: beads`, signal: board.signal, key: (/** @type {BeadInfo} */ bead) => bead.name, look: (bead) => board.look(bead), row: (bead) => cardOf(board, bead) });
    const element = h("section", { class: "column", "data-column": name, "aria-label": name }, head, cards.element);
    accept(board, element, name);
    return { name, phases: /** @type {readonly string[]} */ (phases), head, cards, element, ends: name === "Done" || name === "Failed", mine: noBeads, shown: noBeads };
  });
  const strip = h("div", { class: "priorities", "aria-hidden": "true" }, PRIORITIES.map((name) => drop(board, name)));
  return {
    element: h("div", { class: "kanban-frame" }, strip, h("div", { class: "kanban", role: "region", "aria-label": "Board", tabindex: "0" }, columns.map(({ element }) => element))),
    show: (beads) => {
      /** @type {BeadInfo[][]} */
      const lists = columns.map(() => []);
      for (const bead of beads) lists[COLUMN_OF.get(bead.phase) ?? 0]?.push(bead);
      columns.forEach((column, at) => {
        const mine = lists[at] ?? [];
        // Thousands may have ended: they are sorted only when it is not the same ones as before.
        if (!column.ends || board.filter.sort) column.shown = mine;
        else if (mine.length !== column.mine.length || mine.some((bead, place) => bead !== column.mine[place])) column.shown = byEnd(mine);
        column.mine = mine;
        paint(column.head, h("h2", null, column.name), h("span", { class: "muted" }, count(mine.length)));
        column.cards.show(column.shown);
      });
    },
    order: (beads) => columns.flatMap(({ phases }) => beads.filter(({ phase }) => phases.includes(phase))),
    reveal: (name) => {
      board.root.querySelector(`[data-key="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
  };
}

/**
 * @param {Board} board
 * @param {BeadInfo} bead
 */
function cardOf(board, bead) {
  const { namespace } = board;
  const start = (/** @type {DragEvent} */ event) => {
    event.dataTransfer?.setData("text/x-ringmaster-bead", bead.name);
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
    // Later: what changes the page while a drag begins may end it.
    setTimeout(() => board.root.classList.add("dragging"));
  };
  return h(
    "li",
    {
      class: `bead-card ${board.picked.has(bead.name) ? "is-picked" : ""} ${board.cursor === bead.name ? "is-cursor" : ""}`,
      "data-key": bead.name, draggable: board.canChange ? "true" : null, ondragstart: start,
      ondragend: () => setTimeout(() => board.root.classList.remove("dragging")), onclick: (/** @type {MouseEvent} */ event) => board.click(event, bead.name),
    },
    h("div", { class: "bead-title" }, beadLink(namespace, bead.name, bead.title)),
    h("div", { class: "meta" }, priority(bead.effectivePriority, bead.priority, bead.inheritedFrom), bead.phase in TELLING && chip(bead.phase), bead.desired === "Hold" && bead.phase !== "Held" && h("span", null, "to be held"), bead.worker && h("span", null, bead.worker), bead.iteration > 0 && bead.phase === "Running" && h("span", null, `run ${bead.iteration}`), bead.blockedBy.length > 0 && h("span", null, `waits for ${bead.blockedBy.length}`), bead.usd > 0 && h("span", null, usd(bead.usd))),
  );
}

/**
 * @param {Board} board
 * @param {HTMLElement} element
 * @param {string} name
 */
function accept(board, element, name) {
  droppable(element, (bead) => board.move(bead, name));
}

/**
 * @param {Board} board
 * @param {string} level
 */
function drop(board, level) {
  const made = h("div", { class: "drop", "data-priority": level }, level);
  droppable(made, (bead) => board.reprioritise(bead, level));
  return made;
}

/**
 * @param {HTMLElement} element
 * @param {(bead: string) => void} took
 */
function droppable(element, took) {
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("text/x-ringmaster-bead")) return;
    event.preventDefault();
    element.classList.add("is-over");
  });
  element.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !element.contains(event.relatedTarget)) element.classList.remove("is-over");
  });
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("is-over");
    const name = event.dataTransfer?.getData("text/x-ringmaster-bead");
    if (name) took(name);
  });
}
