/** BackupSchedules: whether the history is safe, since when, and how to get it back. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, count } from "../core/format.js";
import { card, facts, heading, table } from "../parts/bits.js";
import { empty, live } from "../parts/states.js";

/** @param {import("../core/router.js").Context} context */
export function backupsPage(context) {
  const { namespace, title, signal } = context;
  title("Backups");
  const fetcher = (/** @type {AbortSignal} */ aborted) => call(`${path("namespaces", namespace)}/backup-schedules`, { signal: aborted, query: { limit: 500 } });
  const page = live(context, "the backups", fetcher, ({ items }) => [
    heading("Backups"),
    items.length ? items.map(schedule) : empty("No BackupSchedule here", "The operator’s history is saved by a BackupSchedule, usually in the operator’s own namespace."),
    items.length > 0 && card("To restore", [h("p", null, "On the operator’s machine, see what there is and what a restore would do:"), h("pre", null, "ringmaster backup list\nringmaster restore latest --dry-run")]),
  ]);
  const timer = setInterval(() => document.hidden || void page.load(), 30000);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** @param {any} one */
function schedule({ metadata, spec, status = {} }) {
  const { lastSuccess: good, lastFailure: bad, kept = {}, lastRehearsal: trial } = status;
  const failing = bad && (!good || Date.parse(bad.time) > Date.parse(good.time));
  const state = spec.suspend ? ["", "Suspended"] : failing ? ["is-bad", "The last run failed"] : good?.verified ? ["is-good", "✓ Verified"] : good ? ["is-warning", "Not verified"] : ["is-warning", "None yet"];
  return h(
    "section",
    { class: "card", "data-key": metadata.name },
    h("div", { class: "card-head" }, h("h2", null, metadata.name), h("span", { class: `chip ${state[0]}` }, state[1])),
    h(
      "div",
      { class: "stack" },
      failing && h("p", { class: "why-box" }, ago(bad.time), ": ", bad.message),
      facts([
        ["Last good one", good && [ago(good.time), ` (${good.mode}, ${compact(good.bytes)} bytes)`]], ["Its name", good && h("span", { class: "mono" }, good.name)],
        ["Next hourly", status.nextHourly && ago(status.nextHourly)], ["Next daily", status.nextDaily && ago(status.nextDaily)],
        ["Kept", `${count(kept.hourly)} hourly, ${count(kept.daily)} daily, ${count(kept.manual)} by hand`],
        ["Trial restore", trial && [trial.succeeded ? "worked " : "failed ", ago(trial.time), trial.message && `: ${trial.message}`]],
        ["Run by", spec.executor],
      ]),
      h("p", null, h("span", { class: "muted" }, "Goes to "), place(spec.destination)),
      status.conditions?.length > 0 && h("details", null, h("summary", null, "Conditions"), table("Conditions", ["Condition", "Status", "Reason", "Message", "Since"], status.conditions.map((/** @type {any} */ item) => [item.type, item.status, item.reason, item.message ?? "", ago(item.lastTransitionTime)]))),
    ),
  );
}

/**
 * Where backups go, as text: what is no address of ours is no link.
 * @param {any} destination
 */
function place({ volumeClaim, hostPath, s3 }) {
  const named = (/** @type {string} */ name) => h("span", { class: "mono" }, name);
  if (volumeClaim) return ["the volume claim ", named(volumeClaim)];
  if (hostPath) return ["the folder ", named(hostPath), " on the operator’s host"];
  return [named(["s3:", "", s3.bucket, s3.prefix ?? ""].join("/").replace(/\/+$/, "")), " at ", s3.endpoint ? named(s3.endpoint) : "AWS", s3.region && [", ", s3.region]];
}
