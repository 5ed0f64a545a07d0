/** Workers and their sessions: who works, idles, waits, is stuck; scale and suspend. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, count, percent, usd } from "../core/format.js";
import { refetch } from "../core/refetch.js";
import { link } from "../core/router.js";
import { may } from "../core/who.js";
import { beadLink, button, card, chip, facts, heading, table, workerLink } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { empty, live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

/** @typedef {import("../core/types.js").Worker} Worker */
/** @typedef {import("../core/types.js").Session} Session */
/**
 * @typedef {{name: string, worker: string, activity: string, state: string, bead?: string, iteration?: number,
 *   startedAt?: string, progressAt?: string, tokensPerMinute?: number, restarts: number, message: string}} Active
 */

/** @param {import("../core/router.js").Context} context */
export function workersPage(context) {
  const { namespace, title } = context;
  title("Workers");
  const at = path("namespaces", namespace);
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const [workers, overview] = await Promise.all([call(`${at}/workers`, { signal, query: { limit: 500 } }), call(`${at}/overview`, { signal })]);
    return { workers: workers.items, sessions: overview.sessions };
  };
  const again = () => page.load();
  const page = live(context, "the Workers", fetcher, (/** @type {{workers: Worker[], sessions: Active[]}} */ { workers, sessions }) => [
    heading("Workers"),
    workers.length
      ? workers.map((worker) => overviewOf(namespace, worker, sessions.filter((one) => one.worker === worker.metadata.name), again))
      : empty("No Workers yet", "A Worker is a pool of agent sessions, described in a file.", h("pre", null, "kubectl apply --server-side -f worker.yaml")),
  ]);
  refetch(context, again, { gap: 1000, every: 10000, concerns: ({ workers }) => workers.size > 0 });
}

/** @param {import("../core/router.js").Context} context */
export function workerPage(context) {
  const { namespace, params, title } = context;
  const name = params["name"] ?? "";
  title(name);
  const at = path("namespaces", namespace);
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const [worker, overview, capabilities] = await Promise.all([
      call(path("namespaces", namespace, "workers", name), { signal }), call(`${at}/overview`, { signal }), call(`${at}/capabilities`, { signal })]);
    return { worker, sessions: overview.sessions, capabilities: capabilities.items };
  };
  const again = () => page.load();
  const page = live(context, "the Worker", fetcher, (/** @type {{worker: Worker, sessions: Active[], capabilities: any[]}} */ found) => [
    heading(name),
    overviewOf(namespace, found.worker, found.sessions.filter(({ worker }) => worker === name), again),
    described(found.worker),
    known(name, found.capabilities),
    conditions(found.worker),
  ]);
  refetch(context, again, { gap: 1000, every: 10000, concerns: ({ workers }) => workers.has(name) });
}

/**
 * @param {string} namespace
 * @param {Worker} worker
 * @param {Active[]} sessions
 * @param {() => void} again
 */
function overviewOf(namespace, worker, sessions, again) {
  const { metadata, spec, status } = worker;
  const size = spec.autoscale ? `${spec.autoscale.min ?? 0} to ${spec.autoscale.max}` : count(spec.replicas ?? 1);
  return h(
    "section",
    { class: "card", "data-key": metadata.name },
    h("div", { class: "card-head" }, h("h2", null, workerLink(namespace, metadata.name), spec.suspend && [" ", h("span", { class: "chip is-held" }, "suspended")]), acts(namespace, worker, again)),
    h("p", { class: "meta" }, h("span", null, `${spec.runtime}, ${spec.agent?.profile ?? "agent"}${spec.agent?.model ? `, ${spec.agent.model}` : ""}`), h("span", null, `${count(status.replicas)} sessions, ${size} wanted`), h("span", null, `${count(status.busyReplicas)} busy`), status.costToday !== undefined && h("span", null, `${usd(status.costToday.usd)} and ${compact(status.costToday.tokens)} tokens today (UTC)`)),
    sessions.length > 0
      ? table(`Sessions of ${metadata.name}`, ["Session", "State", "Bead", "Progress", "#Tokens/min", "What is wrong"], sessions.map((one) => [
        h("a", { class: "mono", href: link(namespace, "workers", metadata.name, "sessions", one.name) }, one.name), chip(one.activity.charAt(0).toUpperCase() + one.activity.slice(1)),
        one.bead ? [beadLink(namespace, one.bead), one.iteration ? ` (run ${one.iteration})` : ""] : "", ago(one.progressAt ?? one.startedAt),
        one.tokensPerMinute !== undefined ? compact(one.tokensPerMinute) : "", [one.message, one.restarts > 0 && ` ${count(one.restarts)} restarts`],
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

/** @param {string} name @param {any[]} capabilities */
function known(name, capabilities) {
  const rows = capabilities.flatMap((capability) => capability.workers.filter((/** @type {any} */ one) => one.worker === name).map((/** @type {any} */ one) => [
    h("strong", null, capability.name), percent(one.confidence), percent(one.declared), percent(one.learned), one.override !== undefined && one.override !== null ? percent(one.override) : "", `${one.successes} / ${one.failures}`,
    h("span", { class: "mono", title: "The last outcomes, the newest last" }, one.recent)]));
  return rows.length > 0 && card("What it can do", table("Capabilities", ["Capability", "#Counts", "#Declared", "#Learned", "#Override", "#For / against", "Last outcomes"], rows));
}

/** @param {Worker} worker */
function conditions({ status }) {
  const rows = (status.conditions ?? []).map((one) => [one.type, one.status, one.reason, one.message ?? "", ago(one.lastTransitionTime)]);
  return rows.length > 0 && card("Conditions", table("Conditions", ["Condition", "Status", "Reason", "Message", "Since"], rows));
}
