/** What was done: attempts, and in each its iterations, the newest first. */

import { h } from "../core/dom.js";
import { ago, between, compact, count, spaced, usd } from "../core/format.js";
import { link } from "../core/router.js";
import { card, check } from "../parts/bits.js";
import { RECORDS } from "./records.js";

/**
 * @param {string} namespace
 * @param {string} name Of the bead.
 * @param {any[]} attempts
 * @param {any[]} iterations
 */
export function timeline(namespace, name, attempts, iterations) {
  const left = (/** @type {number} */ id) => h("p", { class: "line-up" }, RECORDS.map((kind) => h("a", { href: link(namespace, "beads", name, "iterations", String(id), kind) }, spaced(kind))));
  if (!attempts.length) return card("Attempts", h("p", { class: "muted" }, "Nobody has worked on it yet."));
  return card("Attempts", h("ol", { class: "plain timeline" }, attempts.map((one) => attempt(one, iterations.filter(({ fence }) => fence === one.fence), left))));
}

/**
 * @param {any} one
 * @param {any[]} iterations
 * @param {(id: number) => HTMLElement} left What an iteration left.
 */
function attempt(one, iterations, left) {
  const cost = one.cost ?? {};
  const kind = one.endedAt ? (one.kind ?? "ended") : "running";
  return h(
    "li",
    { "data-key": `attempt ${one.fence}` },
    h("div", { class: "spread" }, h("h3", null, `Attempt ${one.attempt}`, !one.counted && one.endedAt && h("span", { class: "muted" }, " (not counted)")), h("span", { class: `chip is-${tone(kind)}` }, spaced(kind))),
    h("p", { class: "meta" }, h("span", null, one.session), h("span", null, one.profile, one.model && `, ${one.model}`), h("span", null, ago(one.startedAt), `, took ${between(one.startedAt, one.endedAt)}`), h("span", null, usd(cost.usd)), cost.inputTokens > 0 && h("span", null, `${compact(cost.inputTokens + cost.outputTokens)} tokens`), one.branch && h("span", { class: "mono" }, one.branch)),
    one.summary && h("p", { class: "prose" }, one.summary),
    h("ol", { class: "plain iterations" }, iterations.map((item) => iteration(item, left(item.id)))),
  );
}

/** @param {any} one @param {HTMLElement} left */
function iteration(one, left) {
  const { outcome, reflexion } = one;
  return h(
    "li",
    { "data-key": `iteration ${one.id}` },
    h(
      "details",
      null,
      h("summary", null, `Iteration ${one.iteration} `, h("span", { class: `chip is-${tone(outcome.kind)}` }, spaced(outcome.kind)), ` ${between(one.startedAt, one.finishedAt)}`),
      h(
        "div",
        { class: "stack" },
        left,
        outcome.summary && h("p", { class: "prose" }, outcome.summary),
        (one.verify ?? []).map((/** @type {any} */ result) => check(result.command, result)),
        reflexion?.lesson && h("p", { class: "why-box" }, h("strong", null, "Learned: "), reflexion.lesson, reflexion.cause && h("span", { class: "muted" }, ` (${reflexion.cause})`)),
        one.finalText && h("details", null, h("summary", null, "The agent’s last words"), h("pre", null, one.finalText)),
        h("p", { class: "meta" }, one.exitCode !== undefined && `exit code ${count(one.exitCode)}`, one.commit && h("span", { class: "mono" }, one.commit.slice(0, 12)), ago(one.at)),
      ),
    ),
  );
}

/** @param {string} kind An outcome, or how else it ended. */
function tone(kind) {
  if (kind === "running") return "running";
  if (kind.endsWith("success")) return "good";
  if (kind.endsWith("failed")) return "bad";
  return kind === "incomplete" || kind === "needs_decision" || kind === "lost" ? "warning" : "";
}
