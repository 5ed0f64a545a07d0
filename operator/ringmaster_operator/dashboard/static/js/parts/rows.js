/** Lists of thousands: only the rows that are seen are in the page. */

import { h, paint } from "../core/dom.js";

/**
 * @template T
 * @typedef {object} Rows
 * @property {HTMLElement} element Scrolls.
 * @property {(items: T[]) => void} show
 * @property {(at: number) => void} reveal Bring a row into view.
 */

const SPARE = 8;

/**
 * @template T
 * @param {{height: number, label: string, body: HTMLElement, wrap: (body: HTMLElement) => HTMLElement,
 *   spacer: () => HTMLElement, row: (item: T, at: number) => HTMLElement, top?: number}} how
 * @param {AbortSignal} signal
 * @returns {Rows<T>}
 */
function rows(how, signal) {
  /** @type {T[]} */
  let items = [];
  let from = -1;
  let to = -1;
  const before = how.spacer();
  const after = how.spacer();
  const middle = how.body;
  const element = h("div", { class: "rows scroll", tabindex: "0", role: "region", "aria-label": how.label }, how.wrap(middle));
  middle.before(before);
  middle.after(after);

  const draw = (/** @type {boolean} */ fresh) => {
    const seen = Math.ceil((element.clientHeight || 600) / how.height);
    const first = Math.max(0, Math.min(Math.floor((element.scrollTop - (how.top ?? 0)) / how.height), items.length - seen) - SPARE);
    const last = Math.min(items.length, first + seen + 2 * SPARE);
    if (!fresh && first === from && last === to) return;
    from = first;
    to = last;
    before.style.height = `${first * how.height}px`;
    after.style.height = `${(items.length - last) * how.height}px`;
    paint(middle, items.slice(first, last).map((item, at) => how.row(item, first + at)));
  };
  element.addEventListener("scroll", () => draw(false), { passive: true });
  const sized = new ResizeObserver(() => draw(false));
  sized.observe(element);
  signal.addEventListener("abort", () => sized.disconnect());

  return {
    element,
    show: (next) => {
      items = next;
      draw(true);
    },
    reveal: (at) => {
      const top = (how.top ?? 0) + at * how.height;
      if (top - (how.top ?? 0) < element.scrollTop) element.scrollTop = top - (how.top ?? 0);
      else if (top + how.height > element.scrollTop + element.clientHeight) element.scrollTop = top + how.height - element.clientHeight;
      draw(false);
    },
  };
}

/**
 * A list.
 * @template T
 * @param {{height: number, label: string, row: (item: T, at: number) => HTMLElement, signal: AbortSignal}} how
 */
export function list(how) {
  return rows(
    {
      ...how,
      body: h("ul", { class: "plain" }),
      wrap: (body) => h("div", null, body),
      spacer: () => h("div", { "aria-hidden": "true" }),
    },
    how.signal,
  );
}

/**
 * A table; its heads stay where they are.
 * @template T
 * @param {{height: number, label: string, heads: HTMLElement[], row: (item: T, at: number) => HTMLElement, signal: AbortSignal}} how
 */
export function grid(how) {
  return rows(
    {
      ...how,
      top: how.height,
      body: h("tbody", null),
      wrap: (body) => h("table", { class: "grid" }, h("caption", { class: "visually-hidden" }, how.label), h("thead", null, h("tr", null, how.heads)), body),
      spacer: () => h("tbody", { "aria-hidden": "true" }),
    },
    how.signal,
  );
}
