/** What work costs: over time, by any grouping, what it bought, what is still to come. */

import { address, call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, count, percent, spaced, usd } from "../core/format.js";
import { refetch } from "../core/refetch.js";
import { remember } from "../core/router.js";
import { beadLink, card, heading, table } from "../parts/bits.js";
import { bars } from "../parts/charts.js";
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
    const ask = (/** @type {string[]} */ groups, limit = 500) => call(at, { signal, query: { by: groups, since, limit } });
    const [daily, grouped, outcomes, forecast, prices] = await Promise.all([
      ask(["day"]), ask([by], 50), ask(["outcome"]), call(`${at}/forecast`, { signal }), call(`${at}/prices`, { signal })]);
    return { since, daily, grouped, outcomes, forecast, prices };
  };
  const page = live(context, "the costs", fetcher, (found) => [
    heading("Costs", [
      h("select", { name: "days", "aria-label": "Time", value: days, onchange: choose }, DAYS.map((number) => h("option", { value: number }, `Last ${number} days`))),
      h("select", { name: "by", "aria-label": "Grouping", value: by, onchange: choose }, GROUPINGS.map((name) => h("option", { value: name }, `By ${name}`)))]),
    found.daily.total.attempts || found.daily.total.usd
      ? content(namespace, found, by, address(at, { by: [by], since: found.since, format: "csv" }))
      : empty("Nothing was spent", `In the last ${days} days no agent worked here.`),
  ]);
  refetch(context, again, { gap: 5000, every: 60000 });
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
  /** @type {Map<string, number>} */
  const spent = new Map(daily.items.map(({ keys, usd: dollars }) => [keys[0] ?? "", dollars]));
  const labels = [];
  for (let at = Date.parse(since); at <= Date.now(); at += 86400000) labels.push(new Date(at).toISOString().slice(0, 10));
  const good = outcomes.items.filter(({ keys }) => GOOD.has(keys[0] ?? "")).reduce((sum, one) => sum + one.usd, 0);
  const all = daily.total.usd;
  return h(
    "div",
    { class: "overview" },
    h("div", null,
      card("Over time", bars({ title: "US dollars a day (UTC)", labels: labels.map((label) => label.slice(5)), format: usd, series: [{ name: "US dollars", values: labels.map((label) => spent.get(label) ?? 0) }] })),
      card(`By ${by}`, table(`Costs by ${by}`, [spaced(by), "#US dollars", "#Share", "#Tokens", "#Attempts"], grouped.items.map((one) => [
        name(namespace, by, one.keys[0] ?? ""), usd(one.usd), all ? percent(one.usd / all) : "", compact(one.tokens), count(one.attempts)])),
        h("a", { class: "small", href: csv, download: `costs-by-${by}.csv` }, "CSV"))),
    h("div", null,
      card("In all", h("div", { class: "stack" },
        h("p", { class: "big" }, usd(all)), h("p", { class: "muted" }, `${compact(daily.total.tokens)} tokens in ${count(daily.total.attempts)} attempts`),
        all > 0 && [h("p", null, `${percent(good / all)} went into attempts that succeeded`), meter(good / all, `${percent(good / all)} of the money went into attempts that succeeded`, "is-good")],
        table("By outcome", ["Outcome", "#US dollars", "#Attempts"], outcomes.items.map((one) => [spaced(one.keys[0] || "running or none"), usd(one.usd), count(one.attempts)])))),
      card("To come", h("div", { class: "stack" },
        h("p", null, `This month (${forecast.month.month}): ${usd(forecast.month.spent)} so far`, forecast.month.expected !== undefined && `, ${usd(forecast.month.expected)} expected`,
          forecast.month.low !== undefined && `, between ${usd(forecast.month.low)} and ${usd(forecast.month.high)} four times in five`, "."),
        h("p", { class: "hint" }, forecast.month.method))),
      forecast.budgets.length > 0 && card("Budgets", table("Budgets", ["Budget", "Per", "#Spent", "#Set aside", "#Limit"], forecast.budgets.map((/** @type {any} */ one) => [
        [one.name, one.reached && [" ", h("span", { class: "chip is-bad" }, "reached")]], spaced(one.per),
        one.usd !== undefined ? usd(one.spent.usd) : compact(one.spent.tokens), one.usd !== undefined ? usd(one.reserved.usd) : compact(one.reserved.tokens), one.usd !== undefined ? usd(one.usd) : `${compact(one.tokens)} tokens`]))),
      prices.gaps.length > 0 && card("Models without a price", [h("p", { class: "hint" }, "What they cost is missing above. Give them a price in the project’s settings."),
        table("Models without a price", ["Model", "#Requests", "Last"], prices.gaps.map((/** @type {any} */ gap) => [`${gap.provider}/${gap.model}`, count(gap.requests), ago(gap.last)]))]),
      h("p", { class: "hint" }, `Prices: ${prices.table}`)),
  );
}

/** @param {string} namespace @param {string} by @param {string} key */
function name(namespace, by, key) {
  if (!key) return h("span", { class: "muted" }, "none");
  return by === "bead" || by === "epic" ? beadLink(namespace, key) : key;
}
