/** What work costs: over time, by any grouping, what it bought, what is still to come. */

import { address, call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, count, counted, percent, spaced, usd } from "../core/format.js";
import { refetch } from "../core/refetch.js";
import { remember } from "../core/router.js";
import { beadLink, card, heading, table } from "../parts/bits.js";
import { bars, saved } from "../parts/charts.js";
import { empty, live } from "../parts/states.js";
import { meter } from "./overview.js";

/** @typedef {{keys: string[], usd: number, tokens: number, attempts: number, unpricedRequests: number, requests: number}} Group */
/** @typedef {{total: Group, items: Group[], next?: string}} Report */

const GROUPINGS = ["bead", "epic", "worker", "profile", "model", "provider", "capability", "repository", "user", "outcome"];
const DAYS = ["7", "14", "30", "90"];
const GOOD = new Set(["success", "likely_success"]);

/** @param {import("../core/router.js").Context} context */
export function costsPage(context) {
  const { namespace, title, query } = context;
  title("Costs");
  const at = `${path("namespaces", namespace)}/costs`;
  let by = GROUPINGS.find((name) => name === query.get("by")) ?? "model";
  let days = DAYS.find((number) => number === query.get("days")) ?? "14";
  const again = () => page.load();
  const choose = (/** @type {Event} */ event) => {
    if (!(event.target instanceof HTMLSelectElement)) return;
    if (event.target.name === "by") by = event.target.value;
    else days = event.target.value;
    remember({ by: by === "model" ? "" : by, days: days === "14" ? "" : days });
    void again();
  };
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const since = day(Number(days) - 1);
    const ask = (/** @type {string[]} */ groups, limit = 500, cursor = "") => call(at, { signal, query: { by: groups, since, limit, cursor } });
    const daily = async () => {
      /** @type {Report} */
      const found = await ask(["day", "outcome"]);
      for (let next = found.next; next; ) {
        const more = await ask(["day", "outcome"], 500, next);
        found.items.push(...more.items);
        next = more.next;
      }
      return found;
    };
    const [spent, grouped, outcomes, forecast, prices] = await Promise.all([
      daily(), ask([by], 50), ask(["outcome"]), call(`${at}/forecast`, { signal }), call(`${at}/prices`, { signal })]);
    return { since, daily: spent, grouped, outcomes, forecast, prices };
  };
  const page = live(context, "the costs", fetcher, (found) => [
    heading("Costs", [
      h("select", { name: "days", "aria-label": "Time", value: days, onchange: choose }, DAYS.map((number) => h("option", { value: number }, `Last ${number} days`))),
      h("select", { name: "by", "aria-label": "Grouping", value: by, onchange: choose }, GROUPINGS.map((name) => h("option", { value: name }, `By ${name}`)))]),
    found.daily.total.attempts || found.daily.total.usd
      ? content(namespace, found, by, address(at, { by: [by], since: found.since, format: "csv" }))
      : empty("Nothing was spent", `In the last ${days} days no agent worked here.`),
  ]);
  refetch(context, again, { gap: 10000, every: 60000 });
}

/** @param {number} back Days; the date (UTC) then. */
const day = (back) => new Date(Date.now() - back * 86400000).toISOString().slice(0, 10);

/**
 * @param {string} namespace
 * @param {{since: string, daily: Report, grouped: Report, outcomes: Report, forecast: any, prices: any}} found
 * @param {string} by
 * @param {string} csv
 */
function content(namespace, { since, daily, grouped, outcomes, forecast, prices }, by, csv) {
  const labels = [];
  for (let at = Date.parse(since); at <= Date.now(); at += 86400000) labels.push(new Date(at).toISOString().slice(0, 10));
  const good = outcomes.items.filter(({ keys }) => GOOD.has(keys[0] ?? "")).reduce((sum, one) => sum + one.usd, 0);
  const all = daily.total.usd;
  return h(
    "div",
    { class: "overview" },
    h("div", null,
      card("Over time", bars({ title: "US dollars a day (UTC)", labels: labels.map((label) => label.slice(5)), format: usd, series: byOutcome(daily.items, labels) })),
      card(`By ${by}`, table(`Costs by ${by}`, [spaced(by), "#US dollars", "#Share", "#Tokens", "#Attempts"], grouped.items.map((one) => [
        name(namespace, by, one.keys[0] ?? ""), usd(one.usd), all ? percent(one.usd / all) : "", compact(one.tokens), count(one.attempts)])),
        h("a", { class: "small", href: csv, download: `costs-by-${by}.csv` }, "CSV"))),
    h("div", null,
      card("In all", h("div", { class: "stack" },
        h("p", { class: "big" }, usd(all)), h("p", { class: "muted" }, `${compact(daily.total.tokens)} tokens in ${counted(daily.total.attempts, "attempt")}`),
        all > 0 && [h("p", null, `${percent(good / all)} went into attempts that succeeded`), meter(good / all, `${percent(good / all)} of the money went into attempts that succeeded`, "is-good")],
        table("By outcome", ["Outcome", "#US dollars", "#Attempts"], outcomes.items.map((one) => [spaced(one.keys[0] || "running or none"), usd(one.usd), count(one.attempts)]))),
        saved("Costs by outcome", ["outcome", "usd", "tokens", "attempts"], outcomes.items.map((one) => [one.keys[0] ?? "", one.usd, one.tokens, one.attempts]))),
      card("To come", h("div", { class: "stack" },
        h("p", null, `This month (${forecast.month.month}): ${usd(forecast.month.spent)} so far`, forecast.month.expected !== undefined && `, ${usd(forecast.month.expected)} expected`,
          forecast.month.low !== undefined && `, between ${usd(forecast.month.low)} and ${usd(forecast.month.high)} four times in five`, "."),
        forecast.month.expected !== undefined && month(forecast.month),
        h("p", { class: "hint" }, forecast.month.expected !== undefined ? forecast.month.method : "It is too early to say what is to come: no whole day was worked yet."))),
      forecast.budgets.length > 0 && card("Budgets", table("Budgets", ["Budget", "Per", "#Spent", "#Set aside", "#Limit"], forecast.budgets.map((/** @type {any} */ one) => [
        [one.name, one.reached && [" ", h("span", { class: "chip is-bad" }, "reached")]], spaced(one.per),
        one.usd !== undefined ? usd(one.spent.usd) : compact(one.spent.tokens), one.usd !== undefined ? usd(one.reserved.usd) : compact(one.reserved.tokens), one.usd !== undefined ? usd(one.usd) : `${compact(one.tokens)} tokens`]))),
      prices.gaps.length > 0 && card("Models without a price", [h("p", { class: "hint" }, "What they cost is missing above. Give them a price in the project’s settings."),
        table("Models without a price", ["Model", "#Requests", "Last"], prices.gaps.map((/** @type {any} */ gap) => [`${gap.provider}/${gap.model}`, count(gap.requests), ago(gap.last)]))]),
      h("p", { class: "hint" }, `Prices: ${prices.table}`)),
  );
}

/**
 * What became of a day's money: bought something, is still at work, was wasted.
 * @param {Group[]} items By day and outcome.
 * @param {string[]} days
 * @returns {import("../parts/charts.js").Series[]}
 */
function byOutcome(items, days) {
  const sums = (/** @type {(outcome: string) => boolean} */ which) => days.map((day) => items.filter(({ keys }) => keys[0] === day && which(keys[1] ?? "")).reduce((sum, one) => sum + one.usd, 0));
  return [
    { name: "In attempts that succeeded", tone: "good", values: sums((outcome) => GOOD.has(outcome)) },
    { name: "In attempts that still run", tone: "open", values: sums((outcome) => !outcome) },
    { name: "In attempts without success", tone: "bad", values: sums((outcome) => outcome !== "" && !GOOD.has(outcome)) },
  ];
}

/** @param {{spent: number, expected: number, low?: number, high?: number}} forecast Of the month. */
function month({ spent, expected, low, high }) {
  const cases = [...(low !== undefined ? [["At least", low]] : []), ["Expected", expected], ...(high !== undefined ? [["At most", high]] : [])];
  const values = cases.map(([, value]) => Number(value));
  return bars({ title: "This month, US dollars", width: 400, labels: cases.map(([name]) => String(name)), format: usd, series: [
    { name: "So far", values: values.map(() => spent) }, { name: "To come", tone: "open", values: values.map((value) => Math.max(0, value - spent)) }] });
}

/** @param {string} namespace @param {string} by @param {string} key */
function name(namespace, by, key) {
  if (!key) return h("span", { class: "muted" }, "none");
  return by === "bead" || by === "epic" ? beadLink(namespace, key) : key;
}
