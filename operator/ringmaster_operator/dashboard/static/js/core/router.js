/** Addresses and pages: /ui/NAMESPACE/beads/NAME. Every address can be kept, shared, and come back to. */

import { h } from "./dom.js";

/**
 * @typedef {object} Context What a page gets.
 * @property {HTMLElement} root To paint into; empty.
 * @property {Record<string, string>} params Of the path.
 * @property {URLSearchParams} query
 * @property {string} namespace "" where the page is of none.
 * @property {AbortSignal} signal Aborted when the page is left.
 * @property {(text: string) => void} title Sets the window's title.
 *
 * @typedef {object} Route
 * @property {string} name Of the part of the navigation that it belongs to.
 * @property {string} path With :params.
 * @property {(context: Context) => void | Promise<void>} page
 */

/** @type {{route: Route, pattern: RegExp, names: string[]}[]} */
const routes = [];
/** @type {AbortController | null} */
let leaving = null;
/** @type {(context: Context, route: Route | null) => void} */
let arrived = () => {};

/** @param {Route} route */
export function add(route) {
  /** @type {string[]} */
  const names = [];
  const text = route.path.replace(/:(\w+)/g, (_, name) => {
    names.push(name);
    return "([^/]+)";
  });
  routes.push({ route, pattern: new RegExp(`^${text}/?$`), names });
}

/**
 * Follow links and the browser's own buttons from here on.
 * @param {(context: Context, route: Route | null) => void} then Called with every new page.
 */
export function start(then) {
  arrived = then;
  document.addEventListener("click", follow);
  addEventListener("popstate", () => show());
  show();
}

/**
 * Go to an address of ours.
 * @param {string} to
 * @param {{replace?: boolean}} [how] Replace: "back" leads to where the present one would have.
 */
export function go(to, how = {}) {
  if (how.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  show();
  scrollTo(0, 0);
}

/**
 * Keep a page's choices in its address, without leaving it.
 * @param {Record<string, string>} choices Empty ones are left out.
 */
export function remember(choices) {
  const query = new URLSearchParams(Object.entries(choices).filter(([, value]) => value !== ""));
  const text = query.toString();
  history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
}

/** Show the present address again. */
export function refresh() {
  show();
}

/** @param {string} namespace @param {...string} rest */
export function link(namespace, ...rest) {
  return ["/ui", namespace, ...rest].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");
}

/** @param {MouseEvent} event */
function follow(event) {
  const found = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!found || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const to = found.getAttribute("href") ?? "";
  if (!to.startsWith("/ui") || found.hasAttribute("download") || found.getAttribute("target")) return;
  event.preventDefault();
  go(to);
}

function show() {
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  for (const { route, pattern, names } of routes) {
    const found = pattern.exec(location.pathname);
    if (!found) continue;
    const values = found.slice(1).map(decode);
    const params = Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
    arrived(context(params, signal), route);
    return;
  }
  arrived(context({}, signal), null);
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {Record<string, string>} params
 * @param {AbortSignal} signal
 * @returns {Context}
 */
function context(params, signal) {
  return {
    root: h("div", { class: "page" }),
    params,
    query: new URLSearchParams(location.search),
    namespace: params["namespace"] ?? "",
    signal,
    title: (text) => {
      document.title = text ? `${text} · Ringmaster` : "Ringmaster";
    },
  };
}
