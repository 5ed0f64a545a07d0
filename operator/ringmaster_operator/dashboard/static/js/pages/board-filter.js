/** Which beads the board shows: as its address says it, and views that this browser keeps. */

import { keep, kept } from "../core/theme.js";

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/**
 * @typedef {object} Filter
 * @property {string} text
 * @property {string} phase
 * @property {string} priority
 * @property {string} type
 * @property {string} worker
 * @property {string} parent
 * @property {string} label KEY or KEY=VALUE.
 * @property {string} as board or table.
 * @property {string} sort
 * @property {string} done "all" shows what ended long ago too.
 */

/** @type {(keyof Filter)[]} */
export const FIELDS = ["text", "phase", "priority", "type", "worker", "parent", "label", "as", "sort", "done"];
export const FINISHED = new Set(["Succeeded", "Failed", "Cancelled"]);

/**
 * @param {URLSearchParams} query
 * @returns {Filter}
 */
export function read(query) {
  return /** @type {Filter} */ (Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""])));
}

/**
 * @param {Filter} filter
 * @returns {(bead: BeadInfo) => boolean}
 */
export function fits(filter) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const [key = "", value] = filter.label.split("=");
  return (bead) =>
    (!filter.phase || bead.phase === filter.phase) &&
    (!filter.priority || bead.effectivePriority === filter.priority) &&
    (!filter.type || bead.type === filter.type) &&
    (!filter.worker || bead.worker === filter.worker) &&
    (!filter.parent || bead.parent === filter.parent) &&
    (!key || (key in bead.labels && (value === undefined || bead.labels[key] === value))) &&
    words.every((word) => bead.title.toLowerCase().includes(word) || bead.name.includes(word));
}

/** @type {Record<string, (one: BeadInfo, other: BeadInfo) => number>} */
const ORDERS = {
  priority: (one, other) => text(one.effectivePriority, other.effectivePriority) || text(one.name, other.name),
  name: (one, other) => text(one.name, other.name),
  newest: (one, other) => text(other.createdAt ?? "", one.createdAt ?? "") || text(one.name, other.name),
  finished: (one, other) => text(other.finishedAt ?? "", one.finishedAt ?? "") || text(one.name, other.name),
  cost: (one, other) => other.usd - one.usd || text(one.name, other.name),
};

/** @param {string} one @param {string} other */
const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/**
 * @param {Iterable<BeadInfo>} beads
 * @param {Filter} filter
 */
export function chosen(beads, filter) {
  return [...beads].filter(fits(filter)).sort(ORDERS[filter.sort] ?? ORDERS["priority"]);
}

const KEY = "ringmaster.views";

/** @returns {Record<string, string>} Queries by the names of views. */
export function views() {
  try {
    const found = JSON.parse(kept(KEY) ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

/** @param {string} name @param {string | null} query null: forget it. */
export function saveView(name, query) {
  const all = views();
  if (query === null) delete all[name];
  else all[name] = query;
  keep(KEY, JSON.stringify(all));
}
