/** What an iteration left: the prompt as it was sent, what the agent said and did, the diff, the checks. */

import { call, path, Problem } from "../core/api.js";
import { h } from "../core/dom.js";
import { compact, count, hour, percent, spaced } from "../core/format.js";
import { link } from "../core/router.js";
import { beadLink, card, check, heading, table } from "../parts/bits.js";
import { empty, live } from "../parts/states.js";

/** @typedef {import("../core/dom.js").Child} Child */

const MOST_LINES = 5000;
export const RECORDS = ["prompt", "transcript", "diff", "checks"];

/** @param {import("../core/router.js").Context} context */
export function recordsPage(context) {
  const { namespace, params, title } = context;
  const [name = "", id = "", kind = ""] = [params["name"], params["id"], params["kind"]];
  title(`${spaced(kind)} of ${name}`);
  const at = `${path("namespaces", namespace, "beads", name, "iterations", id)}/records`;
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const none = (/** @type {unknown} */ error) => {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    };
    const [list, record] = await Promise.all([call(at, { signal }), call(`${at}/${encodeURIComponent(kind)}`, { signal }).catch(none)]);
    return { kinds: list.items.map((/** @type {any} */ item) => item.kind), record };
  };
  live(context, "the record", fetcher, ({ kinds, record }) => [
    h("p", { class: "meta" }, "of ", beadLink(namespace, name), record && h("span", null, `attempt ${record.attempt}, iteration ${record.iteration}`)),
    heading(spaced(kind), RECORDS.filter((one) => kinds.includes(one)).map((one) => h("a", { class: "button", href: link(namespace, "beads", name, "iterations", id, one), "aria-current": one === kind ? "page" : null }, spaced(one)))),
    record === null ? empty("There is none", "It was not sent yet, or is older than what is kept.") : [record.truncated && h("p", { class: "hint" }, "Something of it was left out; it says where."), content(record)],
  ]);
}

/** @param {any} record @returns {Child} */
function content(record) {
  if (record.prompt) return prompt(record.prompt);
  if (record.transcript) return transcript(record.transcript);
  if (record.diff) return diff(record.diff);
  return card("Checks", h("div", { class: "stack" }, (record.checks?.results ?? []).map((/** @type {any} */ result) => check(result.command, result))));
}

/** @param {any} sent */
function prompt(sent) {
  return h(
    "div",
    { class: "stack" },
    card("Parts", table("What it was made from", ["Part", "From", "#Tokens", "#May take", "#Fits", "Note"], sent.parts.map((/** @type {any} */ part) => [
      h("strong", null, part.name), part.origin, part.tokens ? count(part.tokens) : "left out", part.budgetTokens ? count(part.budgetTokens) : "", percent(part.relevance), part.note])),
      h("span", { class: "muted small" }, `about ${compact(sent.tokens)} tokens`)),
    card("As it was sent", h("div", { class: "sent" }, sent.segments.map((/** @type {any} */ segment) => h("pre", { class: segment.name ? "segment" : "segment between" }, segment.name && h("span", { class: "segment-name" }, segment.name, segment.origin && ` · ${segment.origin}`), segment.text)))),
  );
}

/** @param {any} said */
function transcript(said) {
  return card(`What ${said.profile || "the agent"} said and did`, h("ol", { class: "plain transcript" }, said.events.map((/** @type {any} */ event) => {
    const long = event.text.length > 1200 || event.kind === "thinking";
    const text = h("pre", null, event.text);
    return h("li", { class: `is-${event.kind}` }, h("div", { class: "meta" }, h("strong", null, event.tool || spaced(event.kind)), event.at && h("span", null, hour(event.at))), long ? h("details", null, h("summary", null, `${compact(event.text.length)} characters`), text) : event.text && text);
  })));
}

/** @param {any} made */
function diff(made) {
  const lines = made.patch.split("\n");
  const shown = lines.slice(0, MOST_LINES);
  return h(
    "div",
    { class: "stack" },
    card("Files", table("Files", ["File", "State", "#Added", "#Removed"], made.files.map((/** @type {any} */ file) => [
      h("span", { class: "mono" }, file.from ? `${file.from} → ${file.path}` : file.path), STATES.get(file.status) ?? file.status, file.binary ? "binary" : `+${count(file.added)}`, file.binary ? "" : `−${count(file.removed)}`])),
      h("span", { class: "muted small mono" }, `${made.base.slice(0, 10)}..${made.commit.slice(0, 10)}`)),
    card("Changes", h("div", { class: "diff scroll", tabindex: "0", role: "region", "aria-label": "Changes" }, shown.map((/** @type {string} */ line) => h("div", { class: tone(line) }, line || "\u00a0")),
      lines.length > MOST_LINES && h("p", { class: "hint" }, `${count(lines.length - MOST_LINES)} more lines are on the branch.`))),
  );
}

const STATES = new Map(Object.entries({ A: "added", M: "changed", D: "deleted", R: "renamed", T: "of another type" }));

/** @param {string} line */
function tone(line) {
  if (/^(diff|index|---|\+\+\+|new file|deleted file|rename|similarity)/.test(line)) return "d-head";
  if (line.startsWith("@@")) return "d-place";
  return line.startsWith("+") ? "d-added" : line.startsWith("-") ? "d-removed" : null;
}
