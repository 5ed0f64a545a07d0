/** What needs a person first, then what moves, then what is done. */

import { act } from "../core/acts.js";
import { h, s, settled } from "../core/dom.js";
import { ago, compact, count, counted, moment, roughly, usd } from "../core/format.js";
import { link } from "../core/router.js";
import { standing } from "../core/standing.js";
import { may } from "../core/who.js";
import { beadLink, button, card, chip, heading, priority, table, workerLink } from "../parts/bits.js";
import { bars } from "../parts/charts.js";
import { empty, live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";
import { answers } from "./answering.js";

/**
 * @typedef {import("../core/standing.js").Overview} Overview
 * @typedef {import("../core/standing.js").Need} Need
 * @typedef {import("../core/standing.js").Run} Run
 * @typedef {import("../core/standing.js").Budget} Budget
 */

const KINDS = new Map(Object.entries({
  escalation: "Asks how to go on", decision: "Waits for an answer", worker: "Worker is down", budget: "Budget reached",
  failed: "Failed", stuck: "Stuck", stalled: "No progress",
}));
/** What its time is that of. */
const SINCE = new Map(Object.entries({ escalation: "asked ", decision: "asked ", failed: "failed ", stalled: "last progress ", worker: "down since " }));
const SHOWN = 12;
/** In the order of a life. */
const PHASES = ["Pending", "Blocked", "Ready", "Running", "NeedsDecision", "Held", "Succeeded", "Failed", "Cancelled"];

/** @param {import("../core/router.js").Context} context */
export function overviewPage(context) {
  const { namespace, title } = context;
  const { load, follow } = standing(context);
  const again = () => page.load();
  const page = live(context, "the overview", load, (/** @type {Overview} */ found) => {
    const waiting = sum(found.needed);
    title(`${waiting ? `(${waiting}) ` : ""}Overview`);
    return [heading("Overview"), figures(namespace, found, waiting), content(namespace, found, waiting, again)];
  });
  follow((found) => page.show(() => found), again);
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);

/**
 * @param {string} namespace
 * @param {Overview} found
 * @param {number} waiting
 */
function figures(namespace, found, waiting) {
  const today = found.done.at(-1);
  // The inbox has what is asked alone: what failed or got stuck is to be found below.
  const asked = (found.needed["decision"] ?? 0) + (found.needed["escalation"] ?? 0);
  const toNeeds = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (document.querySelector("#main .mail a"))?.focus();
  };
  const figure = (/** @type {string} */ text, /** @type {string} */ value, /** @type {string} */ href, /** @type {((event: Event) => void) | undefined} */ onclick = undefined) =>
    h("a", { class: "figure", href, onclick }, h("strong", null, value), h("span", null, text));
  return h(
    "div",
    { class: "figures" },
    figure("need you", count(waiting), link(namespace, asked === waiting ? "decisions" : "overview"), asked === waiting ? undefined : toNeeds),
    figure("running", count(found.running.length), `${link(namespace, "board")}?phase=Running`),
    figure("ready", count(found.ready), `${link(namespace, "board")}?phase=Ready`),
    figure("done today (UTC)", count(today?.succeeded), `${link(namespace, "board")}?phase=Succeeded`),
    figure("spent today (UTC)", usd(found.spend.today.usd + found.spend.running.usd), link(namespace, "costs")),
  );
}

/**
 * @param {string} namespace
 * @param {Overview} found
 * @param {number} waiting
 * @param {() => void} again
 */
function content(namespace, found, waiting, again) {
  if (!sum(found.phases) && !found.sessions.length) {
    return empty("Nothing here yet", "Make a bead, say what is to be done, and a Worker that fits takes it.", h("a", { class: "button", href: link(namespace, "new") }, "New bead"));
  }
  const more = waiting - Math.min(found.needs.length, SHOWN);
  return h(
    "div",
    { class: "overview" },
    h("div", null,
      card("Needs you", found.needs.length
        ? [h("ul", { class: "plain mail" }, found.needs.slice(0, SHOWN).map((need) => needed(namespace, need, found.running, again))), more > 0 && h("p", { class: "hint" }, `and ${count(more)} more`)]
        : h("p", { class: "muted" }, "Nothing waits for a person.")),
      card(`Running`, found.running.length ? h("ul", { class: "plain mail" }, found.running.map((run) => running(namespace, run))) : h("p", { class: "muted" }, "Nothing runs."))),
    h("div", null,
      settled("section", "Done", JSON.stringify(found.done), () => card("Done", bars({ title: "Beads a day (UTC)", width: 400, labels: found.done.map(({ day }) => day.slice(5)), format: count, whole: true, series: [
        { name: "Succeeded", tone: "good", values: found.done.map(({ succeeded }) => succeeded) }, { name: "Failed", tone: "bad", values: found.done.map(({ failed }) => failed) }] }))),
      card("Spend", spend(found), h("a", { class: "small", href: link(namespace, "costs") }, "Costs")),
      card("Beads", table("Beads by phase", ["Phase", "#Beads"], PHASES.filter((phase) => found.phases[phase]).map((phase) =>
        [h("a", { href: `${link(namespace, "board")}?phase=${phase}` }, chip(phase)), count(found.phases[phase])]))),
      card("Fleet", fleet(namespace, found), h("a", { class: "small", href: link(namespace, "workers") }, "Workers")),
      found.backup.schedules > 0 && card("Backup", backup(found))),
  );
}

/**
 * @param {string} namespace
 * @param {Need} need
 * @param {Run[]} runs
 * @param {() => void} again
 */
function needed(namespace, need, runs, again) {
  const run = need.kind === "stalled" ? runs.find((one) => one.session === need.name) : undefined;
  const look = JSON.stringify([need, run?.worker, may("contributor", namespace)]);
  return settled("li", `${need.kind} ${need.name}`, look, () => mail(namespace, need, run, again));
}

/**
 * @param {string} namespace
 * @param {Need} need
 * @param {Run | undefined} run Of a session without progress: its terminal tells what it is at.
 * @param {() => void} again
 */
function mail(namespace, need, run, again) {
  const asks = need.kind === "decision" || need.kind === "escalation";
  const about = need.kind === "worker" ? workerLink(namespace, need.name)
    : need.kind === "budget" ? h("a", { href: link(namespace, "costs") }, need.name)
    : need.kind === "stalled" ? session(namespace, need.name, run) : beadLink(namespace, need.name, need.title || need.name);
  return h(
    "li",
    null,
    h("div", { class: "spread" }, h("strong", null, about), h("span", { class: `chip ${need.kind === "failed" || need.kind === "worker" ? "is-bad" : "is-warning"}` }, KINDS.get(need.kind) ?? need.kind)),
    need.why && h("p", { class: "why" }, need.why),
    h("p", { class: "meta" }, need.priority && priority(need.priority), need.parent && h("span", null, "asked by ", beadLink(namespace, need.parent)), need.since && h("span", null, SINCE.get(need.kind) ?? "since ", ago(need.since)), blocked(namespace, need), need.deadline && h("span", null, "decides itself ", ago(need.deadline))),
    asks && answers(namespace, need.name, need.options, again),
    need.kind === "failed" && may("contributor", namespace) && h("div", { class: "actions" }, button("Retry", () => void retry(namespace, need.name, again), { "aria-label": `Retry ${need.name}` })),
  );
}

/**
 * @param {string} namespace
 * @param {string} name
 * @param {() => void} again
 */
async function retry(namespace, name, again) {
  if (await attempt(() => act(namespace, name, "retry", {}), `${name} is tried again`)) again();
}

/**
 * @param {string} namespace
 * @param {string} name
 * @param {Run | undefined} run
 */
function session(namespace, name, run) {
  return run ? h("a", { href: link(namespace, "workers", run.worker, "sessions", name) }, name) : name;
}

/**
 * What waits for a bead: how much, and the way to which.
 * @param {string} namespace
 * @param {Need} need
 */
export function blocked(namespace, need) {
  const href = `${link(namespace, "graph")}?focus=${encodeURIComponent(need.name)}`;
  return need.blocks > 0 && h("span", null, h("a", { href }, counted(need.blocks, "bead")), need.blocks === 1 ? " waits for it" : " wait for it");
}

/**
 * @param {string} namespace
 * @param {Run} run
 */
function running(namespace, run) {
  const lasts = roughly(run.since);
  return settled("li", run.name, JSON.stringify([run, lasts]), () => h(
    "li",
    null,
    h("div", { class: "spread" }, h("strong", null, beadLink(namespace, run.name, run.title)), chip(run.activity[0]?.toUpperCase() + run.activity.slice(1))),
    run.note && h("p", { class: "why" }, run.note),
    h("p", { class: "meta" }, priority(run.priority), workerLink(namespace, run.worker), h("span", null, `iteration ${run.iteration} of ${run.maxIterations}`), h("span", { title: `Since ${moment(run.since)}` }, `for ${lasts}`), h("span", null, counted(run.toolCalls, "tool call")), run.tokensPerMinute !== undefined && h("span", null, `${compact(run.tokensPerMinute)} tokens/min`), h("span", null, usd(run.usd))),
  ));
}

/** @param {Overview} found */
function spend({ spend: { today, running: now, month, budgets } }) {
  return h(
    "div",
    { class: "stack" },
    h("p", null, `${usd(today.usd)} and ${compact(today.tokens)} tokens today`, now.usd > 0 && `, ${usd(now.usd)} under way`),
    month.expected !== undefined && h("p", { class: "muted" }, `This month ${usd(month.spent)}, ${usd(month.expected)} expected by its end`),
    budgets.map((budget) => h("div", { "data-key": `${budget.name} ${budget.per}` }, h("div", { class: "spread small" }, h("span", null, `${budget.name}, per ${budget.per.toLowerCase()}`), h("span", null, limit(budget))), meter(share(budget), `${budget.name}: ${limit(budget)}`))),
  );
}

/** @param {Budget} budget */
function limit(budget) {
  return budget.usd !== undefined ? `${usd(budget.spent.usd)} of ${usd(budget.usd)}` : `${compact(budget.spent.tokens)} of ${compact(budget.tokens)} tokens`;
}

/** @param {Budget} budget */
function share(budget) {
  const money = budget.usd ? budget.spent.usd / budget.usd : 0;
  const tokens = budget.tokens ? budget.spent.tokens / budget.tokens : 0;
  return Math.min(1, Math.max(money, tokens, budget.reached ? 1 : 0));
}

/**
 * @param {number} part 0 to 1.
 * @param {string} words
 * @param {string} [tone] Of what has no limit to come near to.
 */
export function meter(part, words, tone) {
  return s("svg", { class: `meter ${tone ?? (part >= 1 ? "is-bad" : part >= 0.8 ? "is-warn" : "")}`, viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": words },
    s("rect", { class: "track", width: 100, height: 8, rx: 2 }), s("rect", { class: "full", width: part * 100, height: 8, rx: 2 }));
}

/**
 * @param {string} namespace
 * @param {Overview} found
 */
function fleet(namespace, { sessions }) {
  if (!sessions.length) return h("p", { class: "muted" }, "No sessions. ", h("a", { href: link(namespace, "workers") }, "Scale a Worker up"), " to have some.");
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { activity } of sessions) counts.set(activity, (counts.get(activity) ?? 0) + 1);
  return h("p", { class: "line-up" }, [...counts].map(([activity, number]) => h("span", null, chip(activity[0]?.toUpperCase() + activity.slice(1)), ` ${count(number)}`)));
}

/** @param {Overview} found */
function backup({ backup: state }) {
  const words = state.failing ? h("span", { class: "chip is-bad" }, "The last run failed") : state.verified ? h("span", { class: "chip is-good" }, "Verified") : h("span", { class: "chip is-warning" }, "Not verified");
  return h("p", { class: "line-up" }, words, state.last ? ["last good one ", ago(state.last)] : "There is no good one yet.");
}
