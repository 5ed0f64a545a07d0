/** Charts as SVG, each with its numbers as a table and as CSV. */

import { h, s } from "../core/dom.js";
import { table } from "./bits.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values One for each label.
 * @property {"good" | "bad" | "open"} [tone] Its colour, where it has a meaning; what is bad is hatched too, what is open is pale.
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {string[]} labels
 * @property {Series[]} series Up to six.
 * @property {(value: number) => string} format
 * @property {number} [most] The value at the top; the greatest one, rounded up, when absent.
 * @property {boolean} [whole] Values are whole numbers.
 * @property {number} [width] Of the card that it is in, about: what is scaled down is not read.
 */

const USUAL = 640;
const PHONE = 350;
const HEIGHT = 220;
const LEFT = 64;
const RIGHT = 8;
const TOP = 12;
const BOTTOM = 28;
/** Milliseconds that a browser has to begin to save a file. */
const SAVED_WITHIN = 60000;

/** @param {Chart} chart */
const wide = (chart) => (innerWidth < 800 ? PHONE : Math.min(chart.width ?? USUAL, innerWidth - 260));

/** @param {Chart} chart Bars, the series of a label upon each other. */
export function bars(chart) {
  const width = wide(chart);
  const totals = chart.labels.map((_, at) => sum(chart, at));
  const most = nice(Math.max(...totals, 0), chart.whole);
  const step = (width - LEFT - RIGHT) / Math.max(chart.labels.length, 1);
  const scale = (/** @type {number} */ value) => (value / most) * (HEIGHT - TOP - BOTTOM);
  const shapes = chart.labels.flatMap((label, at) => {
    let base = HEIGHT - BOTTOM;
    return chart.series.map((series, number) => {
      const value = series.values[at] ?? 0;
      const tall = scale(value);
      base -= tall;
      const thick = Math.max(1, Math.min(step * 0.7, 48));
      const bar = { ...look(chart, series, number), x: LEFT + at * step + (step - thick) / 2, y: base, width: thick, height: Math.max(tall, 0), rx: 2 };
      return s("rect", bar, s("title", null, `${label} · ${series.name}: ${chart.format(value)}`));
    });
  });
  return figure(chart, most, shapes);
}

/**
 * Lines over what is in order but not at even times; each value is a point that says what it stands for.
 * @param {Chart & {points?: (at: number) => {bad: boolean, text: string} | null}} chart What a label's point stands for.
 */
export function lines(chart) {
  const width = wide(chart);
  const most = chart.most ?? nice(Math.max(...chart.series.flatMap(({ values }) => values.map((value) => value ?? 0)), 0));
  const step = (width - LEFT - RIGHT) / Math.max(chart.labels.length, 1);
  const shapes = chart.series.flatMap((series, number) => {
    const places = series.values.flatMap((value, at) => value === null ? [] : [{ at, x: LEFT + at * step + step / 2, y: HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM), value }]);
    const path = places.map(({ x, y }, at) => `${at ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");
    return [
      s("path", { class: `line-${number % 6}`, d: path }),
      ...places.map(({ at, x, y, value }) => {
        const point = chart.points?.(at) ?? null;
        const told = s("title", null, `${chart.labels[at]} · ${series.name}: ${chart.format(value)}${point ? ` · ${point.text}` : ""}`);
        return point?.bad ? s("path", { class: "point-bad", d: `M${x - 4},${y - 4}l8,8m0,-8l-8,8` }, told) : s("circle", { class: `point series-${number % 6}`, cx: x, cy: y, r: 3.5 }, told);
      }),
    ];
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
  // The last label is that of now: it is there, whichever are left out.
  const ticks = chart.labels.map((label, at) => (chart.labels.length - 1 - at) % every === 0 && s("text", { class: "tick", ...(step < 32 && at === chart.labels.length - 1 ? { x: width - 1, "text-anchor": "end" } : { x: LEFT + at * step + step / 2, "text-anchor": "middle" }), y: HEIGHT - 8 }, label));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("span", null, chart.title), saved(chart.title, ["", ...chart.series.map(({ name }) => name)], numbers(chart))),
    s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${chart.title}: the table below has the numbers` }, hatching(chart), lines, shapes, ticks),
    chart.series.length > 1 && h("ul", { class: "plain legend" }, chart.series.map((series, at) => h("li", null, s("svg", { viewBox: "0 0 10 10", class: "swatch", "aria-hidden": "true" }, s("rect", { ...look(chart, series, at), width: 10, height: 10, rx: 2 })), series.name))),
    h("details", null, h("summary", null, "Numbers"), table(chart.title, ["", ...chart.series.map(({ name }) => `#${name}`)],
      chart.labels.map((label, at) => [label, ...chart.series.map(({ values }) => values[at] === null ? "" : chart.format(values[at] ?? 0))]))),
  );
}

/**
 * @param {Chart} chart
 * @param {number} at
 */
function sum(chart, at) {
  return chart.series.reduce((total, { values }) => total + (values[at] ?? 0), 0);
}

/** @param {Chart} chart */
const hatch = (chart) => `hatch-${filed(chart.title)}`;

/**
 * How a part of a bar looks, also to who sees no colours.
 * @param {Chart} chart
 * @param {Series} series
 * @param {number} at
 */
function look(chart, { tone }, at) {
  if (tone === "bad") return { class: "series-hatched", fill: `url(#${hatch(chart)})` };
  return { class: tone === "good" ? "series-1" : tone === "open" ? "series-open" : `series-${at % 6}` };
}

/** @param {Chart} chart */
function hatching(chart) {
  if (!chart.series.some(({ tone }) => tone === "bad")) return null;
  return s("defs", null, s("pattern", { id: hatch(chart), width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    s("rect", { class: "hatch-ground", width: 6, height: 6 }), s("rect", { class: "hatch-line", width: 2.5, height: 6 })));
}

/**
 * The next round number, so that rules are at round ones, the middle one too.
 * @param {number} value
 * @param {boolean} [whole]
 */
function nice(value, whole) {
  if (value <= 0) return whole ? 2 : 1;
  const size = 10 ** Math.floor(Math.log10(value));
  const found = ([1, 2, 2.5, 5, 10].find((step) => step * size >= value) ?? 10) * size;
  return whole && found < 10 ? [2, 4, 6, 10].find((step) => step >= value) ?? 10 : found;
}

/** @param {Chart} chart */
function numbers(chart) {
  return chart.labels.map((label, at) => [label, ...chart.series.map(({ values }) => values[at] ?? "")]);
}

/**
 * A link that saves a table's numbers. The file is made when it is asked for: one for each look at a page would stay
 * in the browser's memory as long as the page does.
 * @param {string} title
 * @param {string[]} heads
 * @param {(string | number)[][]} rows
 */
export function saved(title, heads, rows) {
  const fetched = (/** @type {MouseEvent} */ { currentTarget }) => {
    const link = /** @type {HTMLAnchorElement} */ (currentTarget);
    const address = csv([heads, ...rows]);
    link.href = address;
    setTimeout(() => URL.revokeObjectURL(address), SAVED_WITHIN);
  };
  return h("a", { class: "small", href: "#", download: `${filed(title)}.csv`, "aria-label": `${title} as CSV`, onclick: fetched, oncontextmenu: fetched }, "CSV");
}

/** @param {string} title As the name of a file, or of an element. */
const filed = (title) => title.toLowerCase().replace(/[^a-z0-9]+/g, "-");

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
