/** The frame around all pages: navigation, projects, who is signed in, whether it is live. */

import { call, pages } from "./core/api.js";
import { h, paint } from "./core/dom.js";
import { bind, bindings } from "./core/keys.js";
import { go, link } from "./core/router.js";
import { closeProject, project } from "./core/store.js";
import { keep, kept, setTheme, theme } from "./core/theme.js";
import { become, may, who } from "./core/who.js";
import { table } from "./parts/bits.js";
import { show } from "./parts/dialog.js";
import { openPalette } from "./parts/palette.js";
import { step } from "./parts/steps.js";
import { attempt, toasts } from "./parts/toast.js";

/** @typedef {import("./core/types.js").Project} Project */
/** @typedef {{name: string, label: string, key: string, global: boolean, least: import("./core/types.js").Role | null}} Place */

const LAST = "ringmaster.namespace";
const main = h("main", { id: "main", tabindex: "-1" });
const banner = h("div", { class: "banner", role: "status", hidden: true });
const bar = h("header", { class: "bar" });
const side = h("nav", { class: "side", "aria-label": "Pages", id: "side" });
const skip = h("a", { class: "skip", href: "#main", onclick: () => main.focus() }, "Skip to the page");
export const frame = h("div", { class: "frame" }, skip, bar, side, h("div", { class: "middle" }, banner, main));

/** @type {Place[]} */
const places = [];
/** @type {Project[]} */
let projects = [];
let namespace = "";
let current = "";

/** @param {Place} place */
export function addPlace(place) {
  places.push(place);
  bind(`g ${place.key}`, `Go to ${place.label}`, () => visit(place));
}

/** The projects that the person may see, asked anew. */
export async function loadProjects() {
  /** @type {Project[]} */
  const found = [];
  await pages("namespaces", {}, (items) => found.push(...items));
  projects = found;
  return found;
}

/** The namespace to begin with: the last one, else the first. */
export function firstNamespace() {
  const last = kept(LAST);
  return projects.find((item) => item.namespace === last)?.namespace ?? projects[0]?.namespace ?? "";
}

/**
 * Put a page into the frame.
 * @param {HTMLElement} root
 * @param {string} where Namespace; "" keeps the one that is open, or opens the first.
 * @param {string} name Of its place.
 */
export function enter(root, where, name) {
  current = name;
  document.body.classList.remove("menu-open");
  const wanted = where || namespace || firstNamespace();
  if (wanted && wanted !== namespace) {
    namespace = wanted;
    if (where) keep(LAST, where);
    project(wanted).onState(draw);
  }
  main.replaceChildren(root);
  draw();
}

/** @param {Place} place */
function visit(place) {
  go(address(place));
}

/** @param {Place} place */
function address(place) {
  return link(place.global ? "_" : namespace || "_", place.name);
}

function draw() {
  const open = namespace ? project(namespace) : null;
  const quiet = open === null || open.state === "live" || open.state === "connecting" || open.state === "paused";
  banner.hidden = quiet;
  paint(banner, quiet ? "" : open.state === "ended" ? `Changes are told no more: ${open.why}` : `Not live: ${open.why}. What you see is from before; trying again.`);
  paint(side, places.filter(({ least }) => least === null || may(least, "*")).map((place) => h("a", { href: address(place), "aria-current": place.name === current ? "page" : null, title: `g ${place.key}` }, place.label)));
  paint(bar, barContent(open?.state ?? "connecting"));
}

/** @param {string} state */
function barContent(state) {
  const words = state === "live" ? "Live" : state === "offline" ? "Offline" : state === "ended" ? "Ended" : "Connecting";
  const names = [...new Set([...projects.map((item) => item.namespace), ...(namespace ? [namespace] : [])])].sort();
  return [
    h("button", { class: "quiet menu", type: "button", "aria-label": "Menu", "aria-controls": "side", onclick: () => document.body.classList.toggle("menu-open") }, "☰"),
    h("a", { class: "brand", href: "/ui" }, "Ringmaster"),
    h("select", { "aria-label": "Project", value: namespace, onchange: chosen }, names.map((name) => h("option", { value: name }, name))),
    h("button", { class: "find", type: "button", onclick: palette }, h("span", null, "Search or do"), h("kbd", null, "Ctrl K")),
    h("span", { class: `live is-${state}`, title: `Changes: ${words.toLowerCase()}` }, h("span", { "aria-hidden": "true" }, "●"), h("span", { class: "wide" }, ` ${words}`)),
    h("button", { class: "quiet", type: "button", onclick: account, "aria-label": `Account of ${who()?.name ?? "nobody"}` }, who()?.displayName || who()?.name.replace(/^user:/, "") || ""),
  ];
}

/** @param {Event} event */
function chosen(event) {
  if (!(event.target instanceof HTMLSelectElement)) return;
  const place = places.find((item) => item.name === current && !item.global);
  go(link(event.target.value, place?.name ?? places[0]?.name ?? ""));
}

/** Everything that can be done from anywhere. */
function palette() {
  openPalette(namespace, [
    ...places.map((place) => ({ label: place.label, hint: `g ${place.key}`, act: () => visit(place) })),
    { label: "New bead", hint: "c", act: () => go(link(namespace || "_", "new")) },
    ...projects.filter((item) => item.namespace !== namespace).map((item) => ({ label: `Project ${item.namespace}`, act: () => go(link(item.namespace, places[0]?.name ?? "")) })),
    ...(/** @type {const} */ (["light", "dark", "auto"])).map((wanted) => ({ label: `Theme: ${wanted}`, act: () => setTheme(wanted) })),
    { label: "Keys", hint: "?", act: help },
    { label: "Sign out", act: () => void signOut() },
  ]);
}

function help() {
  show("Keys", table("Keys", ["Key", "What it does"], bindings().map(({ keys, what }) => [h("kbd", null, keys), what])));
}

function account() {
  const me = who();
  const pick = (/** @type {Event} */ event) => {
    if (event.target instanceof HTMLSelectElement) setTheme(/** @type {any} */ (event.target.value));
  };
  const dialog = show(me?.displayName || me?.name.replace(/^user:/, "") || "", h(
    "div",
    { class: "stack" },
    h("p", null, me?.name ?? ""),
    h("ul", null, (me?.roles ?? []).map(({ namespace: where, role }) => h("li", null, `${role} in ${where === "*" ? "all namespaces" : where}`))),
    h("label", null, "Theme ", h("select", { value: theme(), onchange: pick }, ["auto", "light", "dark"].map((name) => h("option", { value: name }, name)))),
    h("p", null, zone()),
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => (dialog.close(), void signOut()) }, "Sign out")),
  ));
}

function zone() {
  return `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
}

async function signOut() {
  const elsewhere = who()?.signOutPage;
  if ((await attempt(() => call("auth/sign-out", { method: "POST" }))) === false) return;
  leave();
  if (elsewhere) location.assign(elsewhere);
  else go("/ui/_/sign-in");
}

/** Forget who was here. */
export function leave() {
  become(null);
  closeProject();
  namespace = "";
  projects = [];
}

/** Keys that hold everywhere. */
export function startShell() {
  document.body.append(toasts());
  bind("Ctrl+K", "Search, or do something", palette);
  bind("?", "These keys", help);
  bind("j", "Next of what is listed", () => step(main, 1));
  bind("k", "Previous of what is listed", () => step(main, -1));
  bind("c", "New bead", () => go(link(namespace || "_", "new")));
}
