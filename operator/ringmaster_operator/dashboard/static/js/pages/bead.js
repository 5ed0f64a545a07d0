/** One bead: what is asked, where it stands, what was done, and everything that a person can do to it. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, between, compact, count, sentence, spaced, usd } from "../core/format.js";
import { bind } from "../core/keys.js";
import { refetch } from "../core/refetch.js";
import { link } from "../core/router.js";
import { beadLink, card, check, chip, facts, heading, priority, workerLink } from "../parts/bits.js";
import { live } from "../parts/states.js";
import { answers } from "./answering.js";
import { edit, offered } from "./bead-acts.js";
import { timeline } from "./bead-timeline.js";

/** @typedef {import("../core/types.js").Bead} Bead */
/** @typedef {import("../core/dom.js").Child} Child */

/** @param {import("../core/router.js").Context} context */
export function beadPage(context) {
  const { namespace, params, title, signal } = context;
  const name = params["name"] ?? "";
  const at = path("namespaces", namespace, "beads", name);
  const again = () => page.load();
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const [bead, attempts, iterations, events, why, children] = await Promise.all([
      call(at, { signal }), call(`${at}/attempts`, { signal }), call(`${at}/iterations`, { signal }), call(`${at}/events`, { signal, query: { limit: 30 } }),
      call(`${at}/explanation`, { signal }), call(`${path("namespaces", namespace)}/beads`, { signal, query: { parent: name, limit: 200 } }),
    ]);
    return { bead, attempts: attempts.items, iterations: iterations.items, events: events.items, why, children: children.items };
  };
  const page = live(context, "the bead", fetcher, (found) => {
    title(found.bead.spec.title);
    return content(namespace, found, again);
  });
  refetch(context, again, { gap: 500, every: 15000, concerns: ({ beads, events }) => beads.has(name) || events.some((event) => event.kind === "Bead" && event.name === name) });
  bind("e", "Edit the bead", () => void call(at).then((bead) => edit(namespace, bead, again)), signal);
}

/**
 * @param {string} namespace
 * @param {{bead: Bead, attempts: any[], iterations: any[], events: any[], why: any, children: import("../core/types.js").BeadInfo[]}} found
 * @param {() => void} again
 */
function content(namespace, { bead, attempts, iterations, events, why, children }, again) {
  const { spec, status, metadata } = bead;
  return [
    h("p", { class: "meta" }, spec.parent && ["part of ", beadLink(namespace, spec.parent)], h("span", { class: "mono" }, metadata.name)),
    heading(spec.title, offered(namespace, bead, again)),
    h("p", { class: "line-up bead-line" }, chip(status.phase ?? "Pending"), priority(status.effectivePriority ?? spec.priority, spec.priority, status.inheritedFrom), h("span", { class: "muted" }, spec.type),
      spec.desired !== "Run" && spec.desired !== undefined && status.phase !== "Held" && h("span", { class: "chip is-held" }, `wanted: ${spec.desired}`)),
    h(
      "div",
      { class: "overview" },
      h("div", null, decision(namespace, bead, again), progress(namespace, bead), card("Description", described(spec)), timeline(namespace, metadata.name, attempts, iterations), told(namespace, metadata.name, events)),
      h("div", null, standing(namespace, bead, why), accepted(spec, iterations), below(namespace, children), outside(bead), steered(bead)),
    ),
  ];
}

/** @param {any} spec */
function described(spec) {
  return h("div", { class: "prose" }, spec.description || h("span", { class: "muted" }, "There is no description."));
}

/**
 * @param {string} namespace
 * @param {Bead} bead
 * @param {() => void} again
 */
function decision(namespace, { metadata, spec, status }, again) {
  const asked = spec.decision;
  if (!asked) return null;
  const options = asked.options ?? [];
  const open = status.phase !== "Succeeded" && status.phase !== "Cancelled" && status.phase !== "Failed";
  return card("Question", h(
    "div",
    { class: "stack" },
    h("p", { class: "prose" }, asked.question),
    options.length > 0 && h("dl", { class: "options-list" }, options.map((/** @type {any} */ option) => h("div", null, h("dt", null, option.name), h("dd", null, option.consequence ?? "")))),
    asked.recommendation && h("p", { class: "muted" }, `Recommended: ${asked.recommendation}`),
    status.decision && h("p", null, h("strong", null, status.decision.answer), ` by ${status.decision.by} `, ago(status.decision.at)),
    open && asked.deadline && h("p", { class: "muted" }, `“${asked.default}” becomes the answer `, ago(asked.deadline)),
    open && answers(namespace, metadata.name, options.map((/** @type {any} */ option) => option.name), again),
  ));
}

/**
 * @param {string} namespace
 * @param {Bead} bead
 */
function progress(namespace, { status }) {
  const claim = status.claim;
  if (!claim) return null;
  return card("Being worked on", facts([
    ["Worker", workerLink(namespace, claim.worker)],
    ["Session", h("a", { href: link(namespace, "workers", claim.worker, "sessions", claim.session) }, claim.session)],
    ["For", between(claim.since)], ["Iteration", count(status.iteration)], ["Attempt", count(status.attempts)],
  ]));
}

/**
 * @param {string} namespace
 * @param {Bead} bead
 * @param {any} why
 */
function standing(namespace, { spec, status, metadata }, why) {
  const names = (/** @type {string[]} */ list) => list.length > 0 && list.map((name, at) => [at > 0 && ", ", beadLink(namespace, name)]);
  const cost = status.cost ?? {};
  return card("Where it stands", h(
    "div",
    { class: "stack" },
    why.message && h("p", null, sentence(why.message)),
    status.outcome?.summary && h("p", { class: "why-box" }, h("strong", null, spaced(status.outcome.kind)), status.outcome.reason && ` (${spaced(status.outcome.reason)})`, ": ", status.outcome.summary),
    status.escalation && h("p", { class: "why-box" }, h("strong", null, `Escalated, step ${status.escalation.step}`), `: ${status.escalation.message}`),
    facts([
      ["Rank", why.rank !== undefined && why.rank !== null && `${why.rank} of ${why.of}`],
      ["Waits for", names(why.waitsFor ?? [])], ["Waited for by", names(why.waitedForBy ?? [])],
      ["Priority from", why.inheritedFrom && beadLink(namespace, why.inheritedFrom)],
      ["Attempts", status.attempts ? `${status.attempts}` : ""], ["Spent", cost.usd ? usd(cost.usd) : ""],
      ["Tokens", cost.inputTokens ? `${compact(cost.inputTokens)} in, ${compact(cost.outputTokens)} out` : ""],
      ["Not before", (spec.deferUntil || status.retryAfter) && ago(spec.deferUntil ?? status.retryAfter)],
      ["Created", ago(metadata.creationTimestamp)], ["Finished", status.finishedAt && ago(status.finishedAt)],
      ["Asked for by", metadata.annotations?.["ringmaster.dev/requested-by"]],
      ["Capabilities", (spec.capabilities ?? []).join(", ")],
      ["Labels", Object.keys(metadata.labels ?? {}).length > 0 && Object.entries(metadata.labels ?? {}).map(([key, value], at) => [at > 0 && ", ", h("a", { href: `${link(namespace, "board")}?label=${encodeURIComponent(`${key}=${value}`)}` }, `${key}=${value}`)])],
    ]),
    h("p", null, h("a", { href: `${link(namespace, "graph")}?focus=${encodeURIComponent(metadata.name)}` }, "In the graph")),
    why.workers?.length > 0 && h("details", null, h("summary", null, "Who could take it"), h("ul", null, why.workers.map((/** @type {any} */ suitor) => h("li", null, workerLink(namespace, suitor.worker), suitor.may ? " fits" : `: ${suitor.whyNot}`)))),
  ));
}

/** @param {any} spec @param {any[]} iterations */
function accepted(spec, iterations) {
  const { criteria = [], verify = [] } = spec.acceptance ?? {};
  if (!criteria.length && !verify.length) return null;
  /** @type {Map<string, any>} */
  const last = new Map((iterations.find((item) => item.verify?.length)?.verify ?? []).map((/** @type {any} */ result) => [result.command, result]));
  return card("Acceptance", h(
    "div",
    { class: "stack" },
    criteria.length > 0 && h("ul", null, criteria.map((/** @type {string} */ text) => h("li", null, text))),
    verify.map((/** @type {string} */ command) => check(command, last.get(command))),
  ));
}

/** @param {string} namespace @param {import("../core/types.js").BeadInfo[]} children */
function below(namespace, children) {
  if (!children.length) return null;
  const done = children.filter(({ phase }) => phase === "Succeeded").length;
  return card(`Children: ${done} of ${children.length} done`, h("ul", { class: "plain mail" }, children.map((child) => h("li", { "data-key": child.name }, h("div", { class: "spread" }, beadLink(namespace, child.name, child.title), chip(child.phase))))),
    h("a", { class: "small", href: `${link(namespace, "board")}?parent=${encodeURIComponent(children[0]?.parent ?? "")}` }, "On the board"));
}

/** @param {Bead} bead */
function outside({ spec, status }) {
  if (!status.branch && !status.pullRequest && !spec.repository) return null;
  return card("Work", facts([
    ["Repository", spec.repository && h("span", { class: "mono" }, spec.repository.url)], ["Branch", status.branch && h("span", { class: "mono" }, status.branch)],
    ["Commit", status.commit && h("span", { class: "mono" }, status.commit.slice(0, 12))],
    ["Pull request", status.pullRequest && h("a", { href: status.pullRequest, rel: "noreferrer noopener", target: "_blank" }, status.pullRequest)],
  ]));
}

/** @param {Bead} bead */
function steered({ spec, status }) {
  const notes = spec.steering ?? [];
  if (!notes.length) return null;
  const told = new Set(status.steeringDelivered ?? []);
  return card("Said to the agent", h("ul", { class: "plain mail" }, notes.map((/** @type {any} */ note) => h("li", null, h("p", { class: "prose" }, note.text), h("p", { class: "meta" }, told.has(note.id) ? "told" : "not told yet")))));
}

/** @param {string} namespace @param {string} name @param {any[]} events */
function told(namespace, name, events) {
  if (!events.length) return null;
  return card("Events", h("ul", { class: "plain mail" }, events.map((event) => h("li", { "data-key": String(event.id) },
    h("div", { class: "spread" }, h("span", { class: `chip ${event.type === "Warning" ? "is-warning" : ""}` }, spaced(event.reason)), h("span", { class: "meta" }, event.count > 1 && `${count(event.count)} times`, ago(event.at))), h("p", { class: "prose" }, event.message)))),
    h("a", { class: "small", href: `${link(namespace, "events")}?kind=Bead&name=${encodeURIComponent(name)}` }, "All events"));
}

