/** What a page shows when it has nothing to show: yet, at all, or to this person. */

import { Problem } from "../core/api.js";
import { h, paint } from "../core/dom.js";

/** @typedef {import("../core/dom.js").Child} Child */

/**
 * @param {string} title
 * @param {Child} [text]
 * @param {Child} [action]
 */
export function empty(title, text, action) {
  return h("div", { class: "state" }, h("h2", null, title), text && h("p", null, text), action);
}

/** @param {string} what */
export function loading(what) {
  return h(
    "div",
    { class: "state loading", "aria-busy": "true" },
    h("span", { class: "visually-hidden" }, `Loading ${what}`),
    ...[1, 2, 3, 4].map((line) => h("div", { class: `bone bone-${line}` })),
  );
}

/**
 * @param {unknown} error
 * @param {() => void} again
 */
export function failed(error, again) {
  const problem = error instanceof Problem ? error : new Problem(500, "", String(error));
  const retry = h("button", { type: "button", onclick: again }, "Try again");
  if (problem.status === 403) return empty("Not yours to see", problem.message, h("p", { class: "hint" }, "Choose another project above, or ask who manages users here for a role in this one."));
  if (problem.status === 404) return empty("Not there", problem.message);
  if (problem.passing) return empty("The operator does not answer", `It may be starting. ${problem.message}`, retry);
  return empty("That went wrong", problem.message, retry);
}

/**
 * Load, show, and load again when told: the page stays as it is until there is something better.
 * @template T
 * @param {{root: HTMLElement, signal: AbortSignal}} context
 * @param {string} what In words, for who waits.
 * @param {(signal: AbortSignal) => Promise<T>} fetcher
 * @param {(found: T) => Child} render
 * @returns {{load: () => Promise<void>, repaint: () => void, show: (next: (found: T) => T) => void}}
 *   show: make what is shown newer; it does nothing while nothing was loaded.
 */
export function live(context, what, fetcher, render) {
  const { root, signal } = context;
  /** @type {T | undefined} */
  let found;
  let busy = false;
  let stale = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} Who asks for other reasons meanwhile begins no second row of attempts. */
  let retry;
  const repaint = () => {
    if (found !== undefined && !signal.aborted) paint(root, render(found));
  };
  const show = (/** @type {(found: T) => T} */ next) => {
    if (found === undefined) return;
    found = next(found);
    repaint();
  };
  const load = async () => {
    if (signal.aborted) return;
    if (busy) {
      stale = true;
      return;
    }
    busy = true;
    do {
      stale = false;
      try {
        found = await fetcher(signal);
        repaint();
      } catch (error) {
        if (!signal.aborted) told(error);
      }
    } while (stale && !signal.aborted);
    busy = false;
  };
  /** @param {unknown} error */
  const told = (error) => {
    const gone = error instanceof Problem && (error.status === 403 || error.status === 404);
    if (found === undefined || gone) {
      found = undefined;
      paint(root, failed(error, () => void load()));
    }
    clearTimeout(retry);
    if (error instanceof Problem && error.passing) retry = setTimeout(() => void load(), 3000);
    else if (!(error instanceof Problem)) console.error(error);
  };
  paint(root, loading(what));
  void load();
  return { load, repaint, show };
}
