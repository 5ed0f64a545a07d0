/** Charts as SVG, each with its numbers as a table and as CSV. */

import { h, s } from "../core/dom.js";
import { table } from "./bits.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values One for each label.
 * @property {"good" | "bad"} [tone] Its colour, where it has a meaning.
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {string[]} labels
 * @property {Series[]} series Up to six.
 * @property {(value: number) => string} format
 * @property {number} [width] Of the card that it is in, about: what is scaled down is not read.
 */

const USUAL = 640;
const PHONE = 350;
const HEIGHT = 220;
const LEFT = 64;
const RIGHT = 8;
const TOP = 12;
const BOTTOM = 28;

/** @param {Chart} chart */
const wide = (chart) => (innerWidth < 800 ? PHONE : chart.width ?? USUAL);

/** @param {Chart} chart Bars, the series of a label upon each other. */
export function bars(chart) {
  const width = wide(chart);
  const totals = chart.labels.map((_, at) => sum(chart, at));
  const most = nice(Math.max(...totals, 0));
  const step = (width - LEFT - RIGHT) / Math.max(chart.labels.length, 1);
  const scale = (/** @type {number} */ value) => (value / most) * (HEIGHT - TOP - BOTTOM);
  const shapes = chart.labels.flatMap((label, at) => {
    let base = HEIGHT - BOTTOM;
    return chart.series.map((series, number) => {
      const value = series.values[at] ?? 0;
      const tall = scale(value);
      base -= tall;
      const thick = Math.max(1, Math.min(step * 0.7, 48));
      const bar = { class: tone(series, number), x: LEFT + at * step + (step - thick) / 2, y: base, width: thick, height: Math.max(tall, 0), rx: 2 };
      return s("rect", bar, s("title", null, `${label} · ${series.name}: ${chart.format(value)}`));
    });
  });
  return figure(chart, most, shapes);
}

/**
 * @param {Chart} chart
 * @param {number} most
 * @param {SVGElement[]} shapes
 */
function figure(chart, most, shapes) {
  const width = wide(chart);
  const lines = [0, 0.5, 1].flatMap((share) => {
    const y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    return [
      s("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
      s("text", { class: "tick", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, chart.format(most * share)),
    ];
  });
  const every = Math.max(1, Math.ceil((chart.labels.length * 64) / width));
  const step = (width - LEFT - RIGHT) / Math.max(chart.labels.length, 1);
  const ticks = chart.labels.map((label, at) => at % every === 0 && s("text", { class: "tick", x: LEFT + at * step + step / 2, y: HEIGHT - 8, "text-anchor": "middle" }, label));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("span", null, chart.title), h("a", { class: "small", href: csvAddress(chart), download: `${chart.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.csv` }, "CSV")),
    s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${chart.title}: the table below has the numbers` }, lines, shapes, ticks),
    chart.series.length > 1 && h("ul", { class: "plain legend" }, chart.series.map((series, at) => h("li", null, s("svg", { viewBox: "0 0 10 10", class: "swatch", "aria-hidden": "true" }, s("rect", { class: tone(series, at), width: 10, height: 10, rx: 2 })), series.name))),
    h("details", null, h("summary", null, "Numbers"), table(chart.title, ["", ...chart.series.map(({ name }) => `#${name}`)],
      chart.labels.map((label, at) => [label, ...chart.series.map(({ values }) => chart.format(values[at] ?? 0))]))),
  );
}

/**
 * @param {Chart} chart
 * @param {number} at
 */
function sum(chart, at) {
  return chart.series.reduce((total, { values }) => total + (values[at] ?? 0), 0);
}

/** @param {Series} series @param {number} at */
const tone = (series, at) => `series-${series.tone === "good" ? 1 : series.tone === "bad" ? 2 : at % 6}`;

/** @param {number} value The next round number, so that rules are at round ones. */
function nice(value) {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((step) => step * size >= value) ?? 10) * size;
}

/** @param {Chart} chart */
function csvAddress(chart) {
  return csv([["", ...chart.series.map(({ name }) => name)], ...chart.labels.map((label, at) => [label, ...chart.series.map(({ values }) => values[at] ?? "")])]);
}

/**
 * A table as the address of a CSV file.
 * @param {(string | number)[][]} rows
 */
export function csv(rows) {
  const text = rows.map((row) => row.map(cell).join(",")).join("\r\n");
  return URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
}

/** @param {string | number} value Text that a spreadsheet would run as a formula is told apart by an apostrophe. */
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
