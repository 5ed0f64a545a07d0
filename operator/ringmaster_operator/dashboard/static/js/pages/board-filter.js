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

/** @param {BeadInfo} one @param {BeadInfo} other */
const byPriority = (one, other) => text(one.effectivePriority, other.effectivePriority) || text(one.name, other.name);

/** @type {Record<string, (one: BeadInfo, other: BeadInfo) => number>} No two beads are alike to any of them. */
const ORDERS = {
  priority: byPriority,
  name: (one, other) => text(one.name, other.name),
  newest: (one, other) => text(other.createdAt ?? "", one.createdAt ?? "") || text(one.name, other.name),
  finished: (one, other) => text(other.finishedAt ?? "", one.finishedAt ?? "") || text(one.name, other.name),
  cost: (one, other) => other.usd - one.usd || text(one.name, other.name),
};

/** @param {string} one @param {string} other */
const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** The beads that fit, in order. Thousands of them stay in it as single ones change. */
export class Chosen {
  /** @param {Filter} filter */
  constructor(filter) {
    this.fits = fits(filter);
    this.order = ORDERS[filter.sort] ?? byPriority;
    /** @type {BeadInfo[]} */
    this.beads = [];
    /** @type {Map<string, BeadInfo>} Those, as they were put in. */
    this.known = new Map();
  }

  /** @param {Map<string, BeadInfo>} all */
  fill(all) {
    this.beads = [...all.values()].filter(this.fits).sort(this.order);
    this.known = new Map(this.beads.map((bead) => [bead.name, bead]));
  }

  /**
   * @param {Iterable<string>} names Of those that came, changed or went.
   * @param {Map<string, BeadInfo>} all
   */
  change(names, all) {
    for (const name of names) {
      const [before, bead] = [this.known.get(name), all.get(name)];
      if (before === bead) continue;
      if (before && this.known.delete(name)) this.beads.splice(this.place(before), 1);
      if (!bead || !this.fits(bead)) continue;
      this.known.set(name, bead);
      this.beads.splice(this.place(bead), 0, bead);
    }
  }

  /** @param {BeadInfo} bead Where it is, or belongs. */
  place(bead) {
    let [low, high] = [0, this.beads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.order(/** @type {BeadInfo} */ (this.beads[middle]), bead) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** @param {BeadInfo[]} beads What ended last comes first. */
export const byEnd = (beads) => [...beads].sort(ORDERS["finished"]);

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
