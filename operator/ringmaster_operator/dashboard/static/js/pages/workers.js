/** Workers and their sessions: who works, idles, waits, is stuck; scale and suspend. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, count, counted, day, percent, usd } from "../core/format.js";
import { paced, refetch } from "../core/refetch.js";
import { link, remember } from "../core/router.js";
import { standing } from "../core/standing.js";
import { project } from "../core/store.js";
import { may } from "../core/who.js";
import { beadLink, button, card, chip, facts, heading, table, workerLink } from "../parts/bits.js";
import { lines, saved } from "../parts/charts.js";
import { ask } from "../parts/dialog.js";
import { empty, live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

/** @typedef {import("../core/types.js").Worker} Worker */
/** @typedef {import("../core/types.js").Session} Session */
/** @typedef {import("../core/standing.js").Active} Active */

/** Milliseconds between two paintings, at least. */
const PAINTED = 250;
/** Changes of a confidence that its chart has. */
const SHOWN = 60;

/** @param {import("../core/router.js").Context} context */
export function workersPage(context) {
  const { namespace, title } = context;
  title("Workers");
  const list = project(namespace).workers;
  const { load, follow } = standing(context);
  /** @type {Active[]} */
  let active = [];
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const stand = load(signal).then(({ sessions }) => (active = sessions));
    await Promise.all([list.whole(), stand]);
    return latest();
  };
  const latest = () => ({ workers: [...list.items.values()].sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1)), sessions: active });
  const again = () => page.load();
  const page = live(context, "the Workers", fetcher, (/** @type {{workers: Worker[], sessions: Active[]}} */ { workers, sessions }) => [
    heading("Workers"),
    workers.length
      ? workers.map((worker) => overviewOf(namespace, worker, sessions.filter((one) => one.worker === worker.metadata.name), again))
      : empty("No Workers yet", "A Worker is a pool of agent sessions, described in a file.", h("pre", null, "kubectl apply --server-side -f worker.yaml")),
  ]);
  const soon = paced(() => page.show(latest), PAINTED, context.signal);
  project(namespace).onChange(({ all, workers }) => (all || workers.size > 0) && soon(), context.signal);
  follow(({ sessions }) => {
    active = sessions;
    soon();
  }, again);
}

/** @param {import("../core/router.js").Context} context */
export function workerPage(context) {
  const { namespace, params, query, title } = context;
  const name = params["name"] ?? "";
  title(name);
  const at = path("namespaces", namespace);
  const list = project(namespace).workers;
  list.want();
  const { load, follow } = standing(context);
  /** @type {Active[]} */
  let active = [];
  let chosen = query.get("capability") ?? "";
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const stand = load(signal).then(({ sessions }) => (active = sessions));
    const [worker, capabilities] = await Promise.all([
      call(path("namespaces", namespace, "workers", name), { signal }), call(`${at}/capabilities`, { signal }), stand]);
    const own = capabilities.items.filter((/** @type {any} */ { workers }) => workers.some((/** @type {any} */ one) => one.worker === name)).map((/** @type {any} */ one) => one.name);
    if (!own.includes(chosen)) chosen = own[0] ?? "";
    const history = chosen ? (await call(`${at}/${path("capabilities", chosen, "history")}`, { signal, query: { worker: name, limit: SHOWN } })).items : [];
    return { worker, sessions: active, capabilities: capabilities.items, history };
  };
  const again = () => page.load();
  const choose = (/** @type {string} */ capability) => {
    chosen = capability;
    remember({ capability });
    void again();
  };
  const page = live(context, "the Worker", fetcher, (/** @type {{worker: Worker, sessions: Active[], capabilities: any[], history: any[]}} */ found) => [
    heading(name),
    overviewOf(namespace, found.worker, found.sessions.filter(({ worker }) => worker === name), again, "Sessions"),
    described(found.worker),
    known(name, found.capabilities, chosen, choose),
    found.history.length > 0 && card(`How the confidence in ${chosen} came about`, confidences(namespace, chosen, found.history)),
    conditions(found.worker),
  ]);
  // What it can do changes with an outcome: a while later is soon enough. The rest is told.
  refetch(context, again, { gap: 5000, every: 30000, concerns: ({ workers }) => workers.has(name) });
  const soon = paced(() => page.show((found) => ({ ...found, worker: list.items.get(name) ?? found.worker, sessions: active })), PAINTED, context.signal);
  project(namespace).onChange(({ workers }) => workers.has(name) && soon(), context.signal);
  follow(({ sessions }) => {
    active = sessions;
    soon();
  }, again);
}

/**
 * @param {string} namespace
 * @param {Worker} worker
 * @param {Active[]} sessions
 * @param {() => void} again
 * @param {string} [title] Its name, with a link, when absent.
 */
function overviewOf(namespace, worker, sessions, again, title) {
  const { metadata, spec, status } = worker;
  const size = spec.autoscale ? `${spec.autoscale.min ?? 0} to ${spec.autoscale.max}` : count(spec.replicas ?? 1);
  return h(
    "section",
    { class: "card", "data-key": metadata.name },
    h("div", { class: "card-head" }, h("h2", null, title ?? workerLink(namespace, metadata.name), spec.suspend && [" ", h("span", { class: "chip is-held" }, "suspended")]), acts(namespace, worker, again)),
    h("p", { class: "meta" }, h("span", null, `${spec.runtime}, ${spec.agent?.profile ?? "agent"}${spec.agent?.model ? `, ${spec.agent.model}` : ""}`), h("span", null, `${counted(status.replicas ?? 0, "session")}, ${size} wanted`), h("span", null, `${count(status.busyReplicas)} busy`), status.costToday !== undefined && h("span", null, `${usd(status.costToday.usd)} and ${compact(status.costToday.tokens)} tokens today (UTC)`)),
    sessions.length > 0
      ? table(`Sessions of ${metadata.name}`, ["Session", "State", "Bead", "Progress", "#Tokens/min", "What is wrong"], sessions.map((one) => [
        h("a", { class: "mono", href: link(namespace, "workers", metadata.name, "sessions", one.name) }, one.name), chip(one.activity.charAt(0).toUpperCase() + one.activity.slice(1)),
        one.bead ? [beadLink(namespace, one.bead), one.iteration ? `, iteration ${one.iteration}` : ""] : "", ago(one.progressAt ?? one.startedAt),
        one.tokensPerMinute !== undefined ? compact(one.tokensPerMinute) : "", [one.message, one.restarts > 0 && ` ${counted(one.restarts, "restart")}`],
      ]))
      : h("p", { class: "muted" }, "No sessions."),
  );
}

/**
 * @param {string} namespace
 * @param {Worker} worker
 * @param {() => void} again
 */
function acts(namespace, { metadata, spec }, again) {
  if (!may("maintainer", namespace)) return null;
  const at = path("namespaces", namespace, "workers", metadata.name);
  const suspend = async () => {
    const said = spec.suspend ? `${metadata.name} takes beads again` : `${metadata.name} takes no new beads`;
    if (await attempt(() => call(`${at}/suspend`, { method: "PUT", body: { suspend: !spec.suspend } }), said)) again();
  };
  const scale = () => ask({
    title: `Scale ${metadata.name}`, submit: "Scale", text: "Sessions that are too many finish their bead first.",
    fields: [{ name: "replicas", label: "Sessions to keep", kind: "number", value: String(spec.replicas ?? 1), required: true }],
    act: ({ replicas }) => call(`${at}/scale`, { method: "PUT", body: { replicas: Number(replicas) } }),
  }).then((done) => done && again());
  return h("div", { class: "actions" }, !spec.autoscale && button("Scale …", () => void scale()), button(spec.suspend ? "Take beads again" : "Suspend", () => void suspend()));
}

/** @param {Worker} worker */
function described({ spec, metadata }) {
  const limits = spec.budget ?? {};
  return card("Settings", facts([
    ["Profile", spec.agent?.profile], ["Model", spec.agent?.model], ["Mode", spec.mode], ["Repository", spec.repository && h("span", { class: "mono" }, spec.repository.url)],
    ["Dollars a day", limits.usdPerDay !== undefined && usd(limits.usdPerDay)], ["Tokens a day", limits.tokensPerDay !== undefined && compact(limits.tokensPerDay)],
    ["Beads with", Object.entries(spec.beadSelector?.matchLabels ?? spec.beadSelector ?? {}).filter(([, value]) => typeof value === "string").map(([key, value]) => `${key}=${value}`).join(", ")],
    ["Created", ago(metadata.creationTimestamp)],
  ]));
}

/**
 * @param {string} name
 * @param {any[]} capabilities
 * @param {string} chosen
 * @param {(capability: string) => void} choose
 */
function known(name, capabilities, chosen, choose) {
  const own = capabilities.flatMap((capability) => capability.workers.filter((/** @type {any} */ one) => one.worker === name).map((/** @type {any} */ one) => ({ capability, one })));
  const rows = own.map(({ capability, one }) => [
    button(capability.name, () => choose(capability.name), { class: "quiet word", "aria-pressed": String(capability.name === chosen), title: "Show how it came about" }), percent(one.confidence), percent(one.declared), percent(one.learned), one.override !== undefined && one.override !== null ? percent(one.override) : "", `${one.successes} / ${one.failures}`,
    h("span", { class: "mono", title: "The last outcomes, the newest last" }, one.recent)]);
  const csv = () => saved("Capabilities", ["capability", "confidence", "declared", "learned", "override", "successes", "failures", "recent"],
    own.map(({ capability, one }) => [capability.name, one.confidence, one.declared, one.learned, one.override ?? "", one.successes, one.failures, one.recent]));
  return rows.length > 0 && card("What it can do", table("Capabilities", ["Capability", "#Counts", "#Declared", "#Learned", "#Override", "#For / against", "Last outcomes"], rows), csv());
}

/**
 * @param {string} namespace
 * @param {string} capability
 * @param {any[]} history The newest first.
 */
function confidences(namespace, capability, history) {
  const steps = history.toReversed();
  const words = (/** @type {any} */ { cause, success, bead, person }) => cause === "outcome" ? `${success ? "success" : "failure"} of ${bead ?? "a bead"}` : `${cause}${person ? ` by ${person}` : ""}`;
  const chart = { title: `Confidence in ${capability}`, labels: steps.map(({ at }) => day(at)), format: percent, most: 1, width: 1080,
    points: (/** @type {number} */ at) => ({ bad: steps[at].success === false, text: words(steps[at]) }),
    series: [{ name: "Learned", values: steps.map(({ confidence }) => confidence) }, ...(steps.some(({ override }) => override !== undefined) ? [{ name: "Override", values: steps.map(({ override }) => override ?? null) }] : [])] };
  return [
    lines(chart),
    h("p", { class: "hint" }, "A circle is a success or a change by a person, a cross a failure."),
    h("details", null, h("summary", null, "What counted"), table(`What counted for ${capability}`, ["When", "What", "#Weight", "#Learned", "#Override"], history.map((one) => [
      ago(one.at), one.bead ? [one.success ? "✓ " : "✕ ", beadLink(namespace, one.bead)] : words(one), one.weight ? one.weight.toFixed(2) : "", percent(one.confidence), one.override !== undefined ? percent(one.override) : ""]))),
  ];
}

/** @param {Worker} worker */
function conditions({ status }) {
  const rows = (status.conditions ?? []).map((one) => [one.type, one.status, one.reason, one.message && h("span", { class: "told" }, one.message), ago(one.lastTransitionTime)]);
  return rows.length > 0 && card("Conditions", table("Conditions", ["Condition", "Status", "Reason", "Message", "Since"], rows, "stacked"));
}
