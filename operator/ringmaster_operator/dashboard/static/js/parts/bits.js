/** Small parts that many pages have. */

import { h } from "../core/dom.js";
import { spaced } from "../core/format.js";
import { link } from "../core/router.js";

/** @typedef {import("../core/dom.js").Child} Child */

/** What a phase looks like besides its colour, for who sees none. */
const MARKS = new Map(Object.entries({
  Pending: "○", Blocked: "⊘", Ready: "◔", Running: "▶", NeedsDecision: "?", Held: "‖",
  Succeeded: "✓", Failed: "✕", Cancelled: "–",
  Working: "▶", Idle: "○", Starting: "◔", Draining: "◑", Crashed: "✕", Stopped: "–", Stalled: "!", Waiting: "?",
}));

/** @param {string} state A bead's phase or a session's state. */
export function chip(state) {
  return h("span", { class: `chip is-${state.toLowerCase()}` }, h("span", { "aria-hidden": "true" }, MARKS.get(state) ?? "•"), " ", spaced(state));
}

/**
 * @param {string} priority
 * @param {string} [own] The bead's own, where it inherits another.
 * @param {string} [lender] Who lends it.
 */
export function priority(priority, own, lender) {
  const lent = own !== undefined && own !== priority;
  return h("span", { class: `priority is-${priority.toLowerCase()}`, title: lent ? `Own priority ${own}; ${priority} is lent by ${lender || "a bead that waits for it"}` : `Priority ${priority}` }, priority, lent && "↑");
}

/** @param {string} namespace @param {string} name @param {Child} [text] */
export function beadLink(namespace, name, text) {
  return h("a", { href: link(namespace, "beads", name) }, text ?? name);
}

/** @param {string} namespace @param {string} name */
export function workerLink(namespace, name) {
  return h("a", { href: link(namespace, "workers", name) }, name);
}

/**
 * @param {string} text
 * @param {() => void} act
 * @param {import("../core/dom.js").Props} [props]
 */
export function button(text, act, props = {}) {
  return h("button", { type: "button", onclick: act, ...props }, text);
}

/** @param {string} title @param {Child} [actions] */
export function heading(title, actions) {
  return h("header", { class: "heading" }, h("h1", { tabindex: "-1" }, title), h("div", { class: "actions" }, actions));
}

/** @param {string} title @param {Child} content @param {Child} [actions] */
export function card(title, content, actions) {
  return h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", null, title), actions), content);
}

/** @param {[string, Child][]} rows Terms and what they are; empty ones are left out. */
export function facts(rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return h("dl", { class: "facts" }, shown.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))));
}

/**
 * A plain table, for some dozens of rows.
 * @param {string} caption
 * @param {string[]} heads Those that begin with # are numbers.
 * @param {Child[][]} rows
 * @param {string} [look] stacked: on a phone each row is a list of what it has, for rows with much text.
 */
export function table(caption, heads, rows, look) {
  const numeric = heads.map((head) => head.startsWith("#"));
  const kind = (/** @type {number} */ at) => (numeric[at] ? "number" : null);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      look ? { class: look } : null,
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", null, h("tr", null, heads.map((head, at) => h("th", { scope: "col", class: kind(at) }, head.replace(/^#/, ""))))),
      h("tbody", null, rows.map((row) => h("tr", null, row.map((cell, at) => h("td", { class: kind(at), "data-head": look && heads[at] ? heads[at]?.replace(/^#/, "") : null }, cell))))),
    ),
  );
}

/**
 * An acceptance command and how it went.
 * @param {string} command
 * @param {any} result undefined: not run yet.
 */
export function check(command, result) {
  const state = result === undefined ? h("span", { class: "chip" }, "not run yet") : result.exitCode === 0 ? h("span", { class: "chip is-good" }, "✓ passed") : h("span", { class: "chip is-bad" }, `✕ exit code ${result.exitCode}`);
  return h("details", { "data-key": command }, h("summary", { class: "check" }, h("code", null, command), " ", state), result?.output ? h("pre", null, result.output) : h("p", { class: "muted" }, "It printed nothing."));
}
