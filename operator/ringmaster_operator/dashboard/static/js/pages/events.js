/** What was told about beads, Workers and schedules: kept, found again, and as it happens. */

import { path, upTo } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, count, counted, spaced } from "../core/format.js";
import { bind } from "../core/keys.js";
import { link, remember } from "../core/router.js";
import { project } from "../core/store.js";
import { beadLink, button, card, heading, table, workerLink } from "../parts/bits.js";
import { empty, live } from "../parts/states.js";

/** @typedef {import("../core/types.js").ObjectEvent} ObjectEvent */
/** @typedef {{type: string, kind: string, name: string, reason: string, text: string, time: string}} Filter */

const KINDS = [["Bead", "Beads"], ["Worker", "Workers"], ["BackupSchedule", "Backup schedules"], ["ConfigMap", "Settings"]];
/** How far back, and that in hours. */
const TIMES = [["1", "Last hour"], ["24", "Last 24 hours"], ["168", "Last 7 days"], ["720", "Last 30 days"]];
/** Events that are shown at first, and how many more each time. */
const PAGE = 100;
const TYPING = 250;
/** Letters of a name that is broken into lines. */
const LONG = 40;

/** @param {import("../core/router.js").Context} context */
export function eventsPage(context) {
  const { namespace, query, signal, title } = context;
  title("Events");
  const at = path("namespaces", namespace, "events");
  /** @type {Filter} */
  const filter = { type: "", kind: "", name: "", reason: "", text: "", time: "" };
  for (const field of /** @type {(keyof Filter)[]} */ (Object.keys(filter))) filter[field] = query.get(field) ?? "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  const set = (/** @type {Partial<Filter>} */ wanted, wait = 0) => {
    Object.assign(filter, wanted);
    remember({ ...filter });
    clearTimeout(typing);
    typing = setTimeout(() => void page.load(), wait);
    page.repaint();
  };
  let wanted = PAGE;
  /** @type {{items: ObjectEvent[], more: boolean}} */
  let shown = { items: [], more: false };
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    shown = await upTo(at, { signal, query: asked(filter) }, wanted);
    return shown;
  };
  const more = () => {
    wanted += PAGE;
    void page.load();
  };
  const page = live(context, "the events", fetcher, () => [
    heading("Events", controls(filter, set)),
    shown.items.length ? content(namespace, shown, filter, set, more) : nothing(filter, set),
  ]);
  project(namespace).onChange(({ all, events }) => {
    if (all) return void page.load();
    const told = events.filter((event) => fits(event, filter));
    if (!told.length) return undefined;
    const again = new Set(told.map(({ id }) => id));
    // No more than was asked for: thousands of rows would take long to draw, again and again.
    const items = [...told.reverse(), ...shown.items.filter(({ id }) => !again.has(id))];
    shown.more ||= items.length > wanted;
    shown.items = items.slice(0, wanted);
    return page.repaint();
  }, signal);
  bind("/", "Find in events", () => /** @type {HTMLInputElement | null} */ (context.root.querySelector("input[type=search]"))?.focus(), signal);
}

/** @param {Filter} filter As the API wants it. */
function asked({ type, kind, name, reason, text, time }) {
  const hours = Number(time);
  return { type, kind, name, reason, text, since: hours > 0 ? new Date(Date.now() - hours * 3600000).toISOString() : "" };
}

/** @param {ObjectEvent} event @param {Filter} filter */
function fits(event, { type, kind, name, reason, text }) {
  const words = text.toLowerCase();
  return (!type || event.type === type) && (!kind || event.kind === kind) && (!name || event.name === name) && (!reason || event.reason === reason)
    && [event.name, event.reason, event.message].some((part) => part.toLowerCase().includes(words));
}

/**
 * @param {Filter} filter
 * @param {(wanted: Partial<Filter>, wait?: number) => void} set
 */
function controls(filter, set) {
  const choice = (/** @type {"type" | "kind" | "time"} */ field, /** @type {string} */ any, /** @type {string[][]} */ options) => h(
    "select", { "aria-label": any, value: filter[field], onchange: (/** @type {Event} */ event) => event.target instanceof HTMLSelectElement && set({ [field]: event.target.value }) },
    h("option", { value: "" }, any), options.map(([value = "", text = ""]) => h("option", { value }, text)));
  const typed = (/** @type {Event} */ event) => event.target instanceof HTMLInputElement && set({ text: event.target.value }, TYPING);
  return [
    h("input", { type: "search", "aria-label": "Find in events", placeholder: "Find in events  /", value: filter.text, oninput: typed }),
    choice("type", "Any type", [["Warning", "Warnings"], ["Normal", "Normal"]]),
    choice("kind", "About anything", KINDS),
    choice("time", "Any time", TIMES),
    filter.name && button(`${filter.name} ✕`, () => set({ name: "" }), { "aria-label": `Of all objects, not ${filter.name} alone` }),
    filter.reason && button(`${spaced(filter.reason)} ✕`, () => set({ reason: "" }), { "aria-label": `For all reasons, not ${spaced(filter.reason)} alone` }),
  ];
}

/**
 * @param {string} namespace
 * @param {{items: ObjectEvent[], more: boolean}} found
 * @param {Filter} filter
 * @param {(wanted: Partial<Filter>) => void} set
 * @param {() => void} more
 */
function content(namespace, found, filter, set, more) {
  const { items } = found;
  return card(`${counted(items.length, "event")}${found.more ? ", the newest" : ""}`, [
    table("Events", ["When", "Type", "Reason", "About", "What", "#Times"], items.map((event) => [
      ago(event.at),
      event.type === "Warning" ? h("span", { class: "chip is-warning" }, h("span", { "aria-hidden": "true" }, "! "), "Warning") : h("span", { class: "muted" }, event.type),
      filter.reason ? spaced(event.reason) : button(spaced(event.reason), () => set({ reason: event.reason }), { class: "quiet word", title: "Only these" }),
      h("span", { class: event.name.length < LONG ? "about whole" : "about" }, about(namespace, event), !filter.name && button("⌕", () => set({ kind: event.kind, name: event.name }), { class: "quiet word", "aria-label": `Only those about ${event.name}`, title: "Only those about this" })),
      h("span", { class: "told" }, event.message), event.count > 1 ? count(event.count) : ""]), "stacked"),
    found.more && h("div", { class: "buttons" }, button("Show more", more)),
  ]);
}

/** @param {string} namespace @param {ObjectEvent} event */
function about(namespace, { kind, name }) {
  if (kind === "Bead") return beadLink(namespace, name);
  if (kind === "Worker") return workerLink(namespace, name);
  return kind === "BackupSchedule" ? h("a", { href: link(namespace, "backups") }, name) : `${spaced(kind)} ${name}`;
}

/**
 * @param {Filter} filter
 * @param {(wanted: Partial<Filter>) => void} set
 */
function nothing(filter, set) {
  return Object.values(filter).some(Boolean)
    ? empty("Nothing fits", "No event here is as you asked for.", button("Show all", () => set({ type: "", kind: "", name: "", reason: "", text: "", time: "" })))
    : empty("Nothing was told yet", "What happens to beads, Workers and backup schedules is kept here, also after they are deleted.");
}
