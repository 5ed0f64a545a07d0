/** The board: every bead of the namespace, live, as columns or as a table; filters and views; acts upon many. */

import { act, change, each } from "../core/acts.js";
import { Problem } from "../core/api.js";
import { h, paint } from "../core/dom.js";
import { count } from "../core/format.js";
import { bind } from "../core/keys.js";
import { go, link, remember } from "../core/router.js";
import { project } from "../core/store.js";
import { may } from "../core/who.js";
import { empty, failed, loading } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { controls, picking, said } from "./board-controls.js";
import { Chosen, FIELDS, read } from "./board-filter.js";
import { kanban } from "./board-kanban.js";
import { beadTable } from "./board-table.js";

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/** @typedef {import("./board-filter.js").Filter} Filter */
/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {(beads: BeadInfo[]) => void} show
 * @property {(beads: BeadInfo[]) => BeadInfo[]} order As a person reads them.
 * @property {(name: string) => void} reveal
 */

export class Board {
  /** @param {import("../core/router.js").Context} context */
  constructor(context) {
    this.namespace = context.namespace;
    this.signal = context.signal;
    this.root = context.root;
    this.filter = read(context.query);
    this.project = project(context.namespace);
    this.canChange = may("contributor", context.namespace);
    /** @type {Set<string>} */
    this.picked = new Set();
    this.cursor = "";
    this.lastPick = "";
    this.chosen = new Chosen(this.filter);
    this.stale = true;
    this.head = h("div", { class: "board-head" });
    this.body = h("div", { class: "board-body" });
    /** @type {View} */
    this.view = this.viewOf();
    this.project.beads.want();
  }

  viewOf() {
    return this.filter.as === "table" ? beadTable(this) : kanban(this);
  }

  /** Those that are shown, in order. */
  get beads() {
    return this.chosen.beads;
  }

  /** @param {import("../core/types.js").Change} change */
  hear(change) {
    if (change.all) this.stale = true;
    else if (!this.stale) this.chosen.change(change.beads, this.project.beads.items);
    for (const name of change.beads) this.meet(this.project.beads.items.get(name));
    if (change.all || change.beads.size) this.draw();
  }

  draw() {
    const { state, problem, items } = this.project.beads;
    if (problem && state === "failed") return this.say(failed(problem, () => void this.project.beads.load()));
    if (!items.size && state !== "ready") return this.say(loading("beads"));
    if (!items.size) {
      return this.say(empty("No beads yet", "A bead is a piece of work: say what is to be done and how to check it.", this.canChange && h("a", { class: "button", href: link(this.namespace, "new") }, "New bead")));
    }
    if (this.stale) {
      this.chosen.fill(items);
      for (const bead of items.values()) this.meet(bead);
    }
    this.stale = false;
    for (const name of this.picked) if (!items.has(name)) this.picked.delete(name);
    if (this.view.element.parentNode !== this.body) this.body.replaceChildren(this.view.element);
    this.view.show(this.beads);
    this.note = state === "loading" ? `${count(items.size)} so far …` : `${count(this.beads.length)} of ${count(items.size)}`;
    return this.around();
  }

  /** Above and below the beads, where there is anything else to say. */
  around() {
    const says = said(this);
    if (says === this.says) return;
    this.says = says;
    paint(this.head, controls(this));
    paint(this.foot, picking(this));
  }

  /** @type {Set<string>} Workers that have, or had, one of the beads. */
  workers = new Set();

  /** @param {BeadInfo | undefined} bead */
  meet(bead) {
    if (bead?.worker) this.workers.add(bead.worker);
  }

  /** How many of how many. */
  note = "";
  says = "";
  foot = h("div", { class: "board-foot" });

  /** @param {HTMLElement} what */
  say(what) {
    this.note = "";
    this.around();
    this.body.replaceChildren(what);
  }

  /** @param {Partial<Filter>} what */
  set(what) {
    const before = this.filter.as;
    this.filter = { ...this.filter, ...what };
    remember(Object.fromEntries(FIELDS.map((name) => [name, this.filter[name]])));
    this.chosen = new Chosen(this.filter);
    this.stale = true;
    if (this.filter.as !== before || what.sort !== undefined) this.view = this.viewOf();
    this.draw();
  }

  /**
   * @param {string} name
   * @param {boolean} range All between the last one and this.
   */
  pick(name, range) {
    const wanted = !this.picked.has(name);
    const names = this.view.order(this.beads).map((bead) => bead.name);
    const [one, other] = [names.indexOf(this.lastPick), names.indexOf(name)].sort((a, b) => a - b);
    const these = range && one !== undefined && one >= 0 ? names.slice(one, (other ?? one) + 1) : [name];
    for (const each of these) wanted ? this.picked.add(each) : this.picked.delete(each);
    this.lastPick = name;
    this.draw();
  }

  /** @param {string[]} names @param {boolean} wanted */
  pickAll(names, wanted) {
    for (const name of names) wanted ? this.picked.add(name) : this.picked.delete(name);
    this.draw();
  }

  /** @param {MouseEvent} event @param {string} name */
  click(event, name) {
    if (event.target instanceof Element && event.target.closest("a") && !event.shiftKey && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.cursor = name;
    this.pick(name, event.shiftKey);
  }

  /** @param {number} by Next or previous bead, as a person reads them. */
  step(by) {
    const names = this.view.order(this.beads).map(({ name }) => name);
    if (!names.length) return;
    const at = Math.max(0, Math.min(names.length - 1, names.indexOf(this.cursor) + by));
    this.cursor = names[at] ?? "";
    this.draw();
    this.view.reveal(this.cursor);
  }

  /** What a bead looks like that is picked or under the cursor. @param {BeadInfo} bead */
  look({ name }) {
    return `${this.picked.has(name) ? "picked" : ""} ${this.cursor === name ? "cursor" : ""}`;
  }

  /** Those that are picked, else the one under the cursor. */
  targets() {
    return this.picked.size ? [...this.picked] : this.cursor ? [this.cursor] : [];
  }

  /**
   * @param {string[]} names
   * @param {string} done "held", in words.
   * @param {(name: string) => Promise<unknown>} one
   */
  async all(names, done, one) {
    if (!names.length) return;
    const result = await each(names, one);
    const why = result.failed.find(({ error }) => error instanceof Problem);
    if (result.done.length) toast(names.length === 1 ? `${names[0]} is ${done}` : `${count(result.done.length)} beads are ${done}`);
    if (why?.error instanceof Problem) toast(result.failed.length === 1 ? why.error.message : `${count(result.failed.length)} were not: ${why.error.message}`, "bad");
    for (const name of result.done) this.picked.delete(name);
    this.draw();
  }

  /** @param {string} name @param {string} column */
  move(name, column) {
    const bead = this.project.beads.items.get(name);
    const names = this.picked.has(name) ? [...this.picked] : [name];
    if (bead === undefined) return;
    if (column === "Held") void this.all(names, "held", (one) => act(this.namespace, one, "hold"));
    else if (bead.phase === "Held" || bead.desired === "Hold") void this.all(names, "resumed", (one) => act(this.namespace, one, "resume"));
    else toast("Drop a bead on Held to hold it, on another column to resume it, on P0 to P4 to change its priority.", "bad");
  }

  /** @param {string} name @param {string} level */
  reprioritise(name, level) {
    const names = this.picked.has(name) ? [...this.picked] : [name];
    void this.all(names, level, (one) => change(this.namespace, one, { priority: level }));
  }
}

/** @param {import("../core/router.js").Context} context */
export function boardPage(context) {
  const { root, signal, title, namespace } = context;
  title("Board");
  const board = new Board(context);
  root.classList.add("fill");
  root.append(board.head, board.body, board.foot);
  board.draw();
  board.project.onChange((change) => board.hear(change), signal);
  bind("j", "Next bead", () => board.step(1), signal);
  bind("k", "Previous bead", () => board.step(-1), signal);
  bind("x", "Pick it", () => board.cursor && board.pick(board.cursor, false), signal);
  bind("Enter", "Open it", () => board.cursor && go(link(namespace, "beads", board.cursor)), signal);
  bind("/", "Filter", () => /** @type {HTMLInputElement | null} */ (root.querySelector("input[type=search]"))?.focus(), signal);
  bind("v", "Columns or table", () => board.set({ as: board.filter.as === "table" ? "" : "table" }), signal);
  if (board.canChange) bind("h", "Hold, or resume", () => void holdOrResume(board), signal);
}

/** @param {Board} board */
function holdOrResume(board) {
  const names = board.targets();
  const held = names.every((name) => board.project.beads.items.get(name)?.desired === "Hold");
  return board.all(names, held ? "resumed" : "held", (name) => act(board.namespace, name, held ? "resume" : "hold"));
}
