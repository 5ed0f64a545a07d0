/** The inbox: who waits for an answer, for how long, and what it blocks. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, sentence } from "../core/format.js";
import { bind } from "../core/keys.js";
import { refetch } from "../core/refetch.js";
import { go, link } from "../core/router.js";
import { standing } from "../core/standing.js";
import { project } from "../core/store.js";
import { beadLink, heading, priority } from "../parts/bits.js";
import { empty, live } from "../parts/states.js";
import { answers } from "./answering.js";
import { blocked } from "./overview.js";

/** @typedef {import("../core/standing.js").Need} Need */
/** @typedef {{need: Need, decision: any}} Asked */

/** Beads of which the options are shown with what follows from them. */
const IN_FULL = 30;

/** @param {import("../core/router.js").Context} context */
export function decisionsPage(context) {
  const { namespace, title, signal } = context;
  let at = -1;
  const { load, follow } = standing(context);
  /** @type {Need[]} */
  let shown = [];
  /** @type {Map<string, Promise<any>>} What each bead asks in full, until the bead changes. */
  const known = new Map();
  const inFull = (/** @type {string} */ name) => {
    // One that was answered meanwhile is not worth failing for.
    const bead = known.get(name) ?? call(path("namespaces", namespace, "beads", name), { signal }).catch(() => void known.delete(name));
    known.set(name, bead);
    return bead;
  };
  const asked = (/** @type {Need[]} */ needs) => Promise.all(needs.map(async (need, number) => ({ need, decision: number < IN_FULL ? (await inFull(need.name))?.spec.decision : undefined })));
  // What is told while the beads are on their way is newer than what they were asked for.
  const latest = async () => {
    for (;;) {
      const needs = shown;
      const found = await asked(needs);
      if (needs === shown) return found;
    }
  };
  const again = () => page.load();
  const fetcher = async (/** @type {AbortSignal} */ aborted) => {
    shown = waiting(await load(aborted));
    return latest();
  };
  const page = live(context, "the decisions", fetcher, (/** @type {Asked[]} */ asked) => {
    title(`${asked.length ? `(${asked.length}) ` : ""}Decisions`);
    return [
      heading("Decisions"),
      asked.length
        ? h("div", { class: "narrow-page" }, asked.map((one) => question(namespace, one, again)))
        : empty("Nobody waits for you", "Questions of agents and of beads that got stuck come here."),
    ];
  });
  const step = (/** @type {number} */ by) => {
    const found = /** @type {HTMLElement[]} */ ([...context.root.querySelectorAll("[data-bead] h2 a")]);
    at = Math.max(0, Math.min(found.length - 1, at + by));
    found[at]?.focus();
  };
  bind("j", "Next question", () => step(1), signal);
  bind("k", "Previous question", () => step(-1), signal);
  bind("Enter", "Open it", () => at >= 0 && go(context.root.querySelectorAll("[data-bead] h2 a")[at]?.getAttribute("href") ?? "/ui"), signal);
  project(namespace).onChange(({ all, beads }) => (all ? known.clear() : beads.forEach((name) => known.delete(name))), signal);
  refetch(context, again, { gap: 1000, concerns: ({ beads }) => shown.some(({ name }) => beads.has(name)) });
  follow((found) => {
    const needs = waiting(found);
    if (JSON.stringify(needs) === JSON.stringify(shown)) return;
    shown = needs;
    void latest().then((found) => page.show(() => found));
  }, again);
}

/** @param {import("../core/standing.js").Overview} overview */
const waiting = ({ needs }) => needs.filter(({ kind }) => kind === "decision" || kind === "escalation");

/**
 * @param {string} namespace
 * @param {Asked} asked
 * @param {() => void} again
 */
function question(namespace, { need, decision }, again) {
  const options = decision?.options ?? need.options.map((name) => ({ name }));
  return h(
    "section",
    { class: "card", "data-bead": need.name, "data-key": need.name },
    h("div", { class: "card-head" }, h("h2", null, h("a", { href: link(namespace, "beads", need.name) }, need.title || need.name)), h("span", { class: "chip is-warning" }, need.kind === "escalation" ? "Got stuck" : "Question")),
    h(
      "div",
      { class: "stack" },
      h("p", { class: "prose" }, decision?.question ?? sentence(need.why)),
      options.some((/** @type {any} */ option) => option.consequence) && h("dl", { class: "options-list" }, options.map((/** @type {any} */ option) => h("div", null, h("dt", null, option.name), h("dd", null, option.consequence ?? "")))),
      decision?.recommendation && h("p", { class: "muted" }, `Recommended: ${decision.recommendation}`),
      h("p", { class: "meta" }, need.priority && priority(need.priority), need.parent && h("span", null, "asked by ", beadLink(namespace, need.parent)), need.since && h("span", null, "asked ", ago(need.since)), blocked(namespace, need), need.deadline && h("span", null, "decides itself ", ago(need.deadline), decision?.default && `: ${decision.default}`)),
      answers(namespace, need.name, need.options, again),
    ),
  );
}

