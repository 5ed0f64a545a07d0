/** What is above and below the board: filters, views, and acts upon what is picked. */

import { act, change } from "../core/acts.js";
import { h } from "../core/dom.js";
import { count } from "../core/format.js";
import { go, link } from "../core/router.js";
import { button } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { FIELDS, saveView, views } from "./board-filter.js";

/** @typedef {import("./board.js").Board} Board */
/** @typedef {import("./board-filter.js").Filter} Filter */

const PHASES = ["Pending", "Blocked", "Ready", "Running", "NeedsDecision", "Held", "Succeeded", "Failed", "Cancelled"];
const PRIORITIES = ["P0", "P1", "P2", "P3", "P4"];

/** All that these depend on. @param {Board} board */
export const said = (board) => JSON.stringify([board.filter, board.note, workers(board), views(), [...board.picked]]);

/** @param {Board} board */
export function controls(board) {
  const { filter, namespace } = board;
  const type = (/** @type {Event} */ event) => event.target instanceof HTMLInputElement && board.set({ text: event.target.value });
  const filtered = FIELDS.some((name) => filter[name] && name !== "as" && name !== "sort");
  return [
    h("h1", { tabindex: "-1" }, "Board"),
    h("input", { type: "search", "aria-label": "Filter by title or name", placeholder: "Filter  /", value: filter.text, oninput: type }),
    choice(board, "phase", "Any phase", PHASES),
    choice(board, "priority", "Any priority", PRIORITIES),
    choice(board, "type", "Any type", ["task", "subtask", "epic", "decision", "question"]),
    choice(board, "worker", "Any Worker", workers(board)),
    h("span", { class: "muted small", role: "status" }, board.note),
    filtered && button("Clear", () => board.set({ text: "", phase: "", priority: "", type: "", worker: "", parent: "", label: "" }), { class: "quiet" }),
    filter.parent && h("span", { class: "chip" }, `of ${filter.parent}`),
    filter.label && h("span", { class: "chip" }, filter.label),
    h(
      "div",
      { class: "actions to-end" },
      viewMenu(board),
      h("div", { class: "toggle", role: "group", "aria-label": "Show as" },
        button("Columns", () => board.set({ as: "" }), { "aria-pressed": String(filter.as !== "table") }),
        button("Table", () => board.set({ as: "table" }), { "aria-pressed": String(filter.as === "table") })),
      board.canChange && h("a", { class: "button primary", href: link(namespace, "new") }, "New bead"),
    ),
  ];
}

/** @param {Board} board */
function workers(board) {
  const names = new Set([...board.workers, board.filter.worker]);
  names.delete("");
  return [...names].sort();
}

/**
 * @param {Board} board
 * @param {"phase" | "priority" | "type" | "worker"} field
 * @param {string} any
 * @param {string[]} options
 */
function choice(board, field, any, options) {
  const pick = (/** @type {Event} */ event) => event.target instanceof HTMLSelectElement && board.set({ [field]: event.target.value });
  return h("select", { "aria-label": any, value: board.filter[field], onchange: pick }, h("option", { value: "" }, any), options.map((name) => h("option", { value: name }, name)));
}

/** @param {Board} board */
function viewMenu(board) {
  const names = Object.keys(views()).sort();
  const pick = (/** @type {Event} */ event) => {
    if (!(event.target instanceof HTMLSelectElement)) return;
    const value = event.target.value;
    if (value === " save") void save(board);
    else if (value.startsWith(" drop ")) saveView(value.slice(6), null);
    else if (value) go(`${link(board.namespace, "board")}?${views()[value] ?? ""}`);
    event.target.value = "";
    board.draw();
  };
  return h("select", { "aria-label": "Views", value: "", onchange: pick }, h("option", { value: "" }, "Views"), names.map((name) => h("option", { value: name }, name)),
    h("option", { value: " save" }, "Save this view …"), names.map((name) => h("option", { value: ` drop ${name}` }, `Forget ${name}`)));
}

/** @param {Board} board */
function save(board) {
  const query = new URLSearchParams(FIELDS.filter((name) => board.filter[name]).map((name) => [name, board.filter[name]]));
  return ask({
    title: "Save this view", text: "This browser keeps it. To share a view, share its address.", submit: "Save",
    fields: [{ name: "name", label: "Name", required: true }],
    act: async ({ name }) => saveView((name ?? "").trim(), query.toString()),
  }).then(() => board.draw());
}

/** @param {Board} board */
export function picking(board) {
  const names = [...board.picked];
  if (!names.length || !board.canChange) return null;
  const { namespace } = board;
  const level = (/** @type {Event} */ event) => {
    if (!(event.target instanceof HTMLSelectElement) || !event.target.value) return;
    const wanted = event.target.value;
    event.target.value = "";
    void board.all(names, wanted, (name) => change(namespace, name, { priority: wanted }));
  };
  const cancel = () => ask({
    title: `Cancel ${names.length === 1 ? names[0] : `${count(names.length)} beads`}?`, danger: true, submit: "Cancel them",
    text: "Running agents are stopped; their work stays on its branch.",
    act: () => board.all(names, "cancelled", (name) => act(namespace, name, "cancel")),
  });
  return h(
    "div",
    { class: "picking", role: "toolbar", "aria-label": "Acts upon what is picked" },
    h("strong", null, `${count(names.length)} picked`),
    button("Hold", () => void board.all(names, "held", (name) => act(namespace, name, "hold"))),
    button("Resume", () => void board.all(names, "resumed", (name) => act(namespace, name, "resume"))),
    button("Retry", () => void board.all(names, "to be retried", (name) => act(namespace, name, "retry", {}))),
    h("select", { "aria-label": "Priority of what is picked", value: "", onchange: level }, h("option", { value: "" }, "Priority"), PRIORITIES.map((name) => h("option", { value: name }, name))),
    button("Cancel …", () => void cancel(), { class: "danger" }),
    button("Pick none", () => board.pickAll(names, false), { class: "quiet" }),
  );
}
