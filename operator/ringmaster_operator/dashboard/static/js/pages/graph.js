/** What waits for what: the longest chain, lent priorities, circles, and what one bead would release. */

import { h, paint, s } from "../core/dom.js";
import { count, spaced } from "../core/format.js";
import { bind } from "../core/keys.js";
import { link, remember } from "../core/router.js";
import { project } from "../core/store.js";
import { beadLink, button, card, chip, heading, priority, table } from "../parts/bits.js";
import { empty, failed, loading } from "../parts/states.js";
import { layout, NODE, released } from "./graph-layout.js";
import { View } from "./graph-view.js";

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/** @typedef {import("./graph-layout.js").Layout} Layout */

const LETTERS = 24;
/** Beads that a search offers. */
const OFFERED = 8;
/** After a picture, this many times what it took is left to everything else before changes make another one. */
const REST = 4;

/** @param {import("../core/router.js").Context} context */
export function graphPage({ root, namespace, query, title, signal }) {
  title("Graph");
  const { beads } = project(namespace);
  const how = { focus: query.get("focus") ?? "", epic: query.get("epic") ?? "", collapse: query.get("collapse") === "1", done: query.get("done") === "1" };
  let wanted = "";
  const set = (/** @type {Partial<typeof how>} */ wanted) => {
    Object.assign(how, wanted);
    remember({ focus: how.focus, epic: how.epic, collapse: how.collapse ? "1" : "", done: how.done ? "1" : "" });
    draw();
  };
  const toggle = (/** @type {"collapse" | "done"} */ name, /** @type {string} */ text) => button(text, () => set({ [name]: !how[name] }), { "aria-pressed": String(how[name]) });
  const search = (/** @type {string} */ text) => {
    wanted = text;
    draw();
  };
  let drawn = 0;
  let took = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const draw = () => {
    clearTimeout(waiting);
    waiting = undefined;
    const began = performance.now();
    picture();
    drawn = performance.now();
    took = drawn - began;
  };
  const picture = () => {
    if (beads.problem && beads.state === "failed") return paint(root, failed(beads.problem, () => void beads.load()));
    if (beads.state !== "ready") return paint(root, loading("beads"));
    const all = [...beads.items.values()];
    const found = layout(all, how);
    view.width = found.width;
    view.height = found.height;
    return paint(root, heading("Graph", [
      finder(namespace, all, wanted, search), epics(all, how.epic, (epic) => set({ epic, focus: "" })),
      (how.focus || how.epic) && button("Show all", () => set({ focus: "", epic: "" })), toggle("collapse", "Epics as one"), toggle("done", "With what has ended"),
      h("div", { class: "toggle", role: "group", "aria-label": "Size" }, button("−", () => view.zoom(-1), { "aria-label": "Farther", title: "Farther: -" }), button("Fit", () => view.fit(), { title: "All of it: 0" }), button("+", () => view.zoom(1), { "aria-label": "Nearer", title: "Nearer: +" }))]),
      found.loops.length > 0 && h("p", { class: "fault" }, `These wait for each other in a circle, or between circles: ${found.loops.flat().join(", ")}`),
      found.left > 0 && h("p", { class: "why-box", role: "status" }, `${count(found.left)} of ${count(found.left + found.nodes.length)} beads are not drawn, those of the lowest priority. Choose an epic, or find a bead, to see all that belongs to it.`),
      how.focus && about(namespace, all, how.focus),
      found.nodes.length ? [drawing(namespace, found, view), legend(), asTable(namespace, found)] : empty("Nothing waits for anything", "Beads that depend on others are drawn here."));
  };
  const view = new View(() => root.querySelector(".graph"), draw, signal);
  project(namespace).onChange((change) => {
    if ((change.all || change.beads.size) && waiting === undefined) waiting = setTimeout(draw, Math.max(0, drawn + REST * took - performance.now()));
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(waiting));
  bind("/", "Find a bead", () => /** @type {HTMLInputElement | null} */ (root.querySelector("input[type=search]"))?.focus(), signal);
  beads.want();
  draw();
}

/** @param {string} namespace @param {BeadInfo[]} all @param {string} name */
function about(namespace, all, name) {
  const bead = all.find((one) => one.name === name);
  if (!bead) return null;
  const free = released(all, name);
  return card(bead.title, h("div", { class: "stack" },
    h("p", { class: "line-up" }, chip(bead.phase), priority(bead.effectivePriority, bead.priority, bead.inheritedFrom), beadLink(namespace, name, "Open it")),
    h("p", null, free.length ? `Finishing it makes ${count(free.length)} ready: ` : "Finishing it alone makes nothing ready.", free.slice(0, 20).map((one, at) => [at > 0 && ", ", beadLink(namespace, one.name, one.title)]))));
}

/**
 * A field to find a bead in, and what it finds.
 * @param {string} namespace
 * @param {BeadInfo[]} all
 * @param {string} text
 * @param {(text: string) => void} search
 */
function finder(namespace, all, text, search) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? all.filter(({ name, title }) => words.every((word) => name.includes(word) || title.toLowerCase().includes(word))) : [];
  return h("div", { class: "finder" },
    h("input", { type: "search", "aria-label": "Find a bead", placeholder: "Find a bead  /", value: text, oninput: (/** @type {Event} */ event) => event.target instanceof HTMLInputElement && search(event.target.value) }),
    words.length > 0 && h("ul", { class: "plain found", "aria-label": "Found" },
      found.slice(0, OFFERED).map((bead) => h("li", null, h("a", { href: `${link(namespace, "graph")}?focus=${encodeURIComponent(bead.name)}` }, bead.title), " ", chip(bead.phase))),
      found.length > OFFERED && h("li", { class: "hint" }, `and ${count(found.length - OFFERED)} more`), !found.length && h("li", { class: "hint" }, "No bead has these words.")));
}

/**
 * @param {BeadInfo[]} all
 * @param {string} chosen
 * @param {(epic: string) => void} choose
 */
function epics(all, chosen, choose) {
  const found = all.filter(({ type }) => type === "epic");
  if (!found.length) return null;
  const pick = (/** @type {Event} */ event) => event.target instanceof HTMLSelectElement && choose(event.target.value);
  return h("select", { "aria-label": "Epic", value: chosen, onchange: pick }, h("option", { value: "" }, "All epics"), found.map(({ name, title }) => h("option", { value: name }, short(title))));
}

/** @param {string} namespace @param {Layout} found @param {View} view */
function drawing(namespace, { nodes, edges, width, height }, view) {
  const at = new Map(nodes.map((node) => [node.name, node]));
  const lines = edges.map(({ from, to, critical, lends, looped }) => {
    const [one, other] = [at.get(from), at.get(to)];
    if (!one || !other) return null;
    const [x1, y1, x2, y2] = [one.x + NODE.width, one.y + NODE.height / 2, other.x, other.y + NODE.height / 2];
    const bend = Math.max(30, Math.abs(x2 - x1) / 2);
    return s("path", { class: `edge ${critical ? "is-critical" : ""} ${lends ? "is-lent" : ""} ${looped ? "is-looped" : ""}`, d: `M${x1},${y1}C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`, "marker-end": "url(#arrow)" });
  });
  const boxes = nodes.map(({ name, bead, inside, x, y, critical, looped }) =>
    s("a", { href: `${link(namespace, "graph")}?focus=${encodeURIComponent(name)}` },
      s("rect", { class: `node is-${(bead?.phase ?? "").toLowerCase()} ${critical ? "is-critical" : ""} ${looped ? "is-looped" : ""}`, x, y, width: NODE.width, height: NODE.height, rx: 6 }),
      s("title", null, `${bead?.title ?? name}, ${bead?.phase ?? ""}`),
      s("text", { class: "node-title", x: x + 10, y: y + 19 }, short(bead?.title ?? name)),
      s("text", { class: "node-meta", x: x + 10, y: y + 36 }, `${bead?.effectivePriority ?? ""} ${spaced(bead?.phase ?? "")}${inside ? `, ${inside} inside` : ""}`)));
  return h("div", { class: "card graph scroll", tabindex: "0", role: "region", "aria-label": "Graph: the table below has the same", ...view.props() },
    s("svg", { viewBox: `0 0 ${width} ${height}`, width: width * view.scale, height: height * view.scale },
      s("defs", null, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, s("path", { class: "arrow", d: "M0,0L8,4L0,8z" }))),
      lines, boxes));
}

function legend() {
  const swatch = (/** @type {string} */ kind) => s("svg", { viewBox: "0 0 28 10", width: 28, height: 10, "aria-hidden": "true" }, s("path", { class: `edge ${kind}`, d: "M0,5H28" }));
  return h("ul", { class: "plain legend" }, [["is-critical", "longest chain"], ["is-lent", "lends its priority to what it waits for"], ["is-looped", "circle"]].map(([kind = "", text = ""]) => h("li", { class: "line-up" }, swatch(kind), text)));
}

/** @param {string} namespace @param {Layout} found */
function asTable(namespace, { edges, nodes }) {
  const titles = new Map(nodes.map(({ name, bead }) => [name, bead?.title ?? name]));
  return h("details", null, h("summary", null, "As a table"), table("What waits for what", ["This", "waits for", ""], edges.map(({ from, to, critical, lends }) => [
    beadLink(namespace, to, titles.get(to)), beadLink(namespace, from, titles.get(from)), [critical && "longest chain ", lends && "lends its priority"]])));
}

/** @param {string} text */
const short = (text) => (text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text);
