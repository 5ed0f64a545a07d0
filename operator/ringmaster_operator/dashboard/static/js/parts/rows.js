/**
 * Lists of thousands: only the rows that are seen are in the page, and a row is made again only where what it shows
 * is another item or looks different.
 */

import { h, renew } from "../core/dom.js";

/**
 * @template T
 * @typedef {object} Rows
 * @property {HTMLElement} element Scrolls.
 * @property {(items: T[]) => void} show
 * @property {(at: number) => void} reveal Bring a row into view.
 */

/**
 * @template T
 * @typedef {object} How
 * @property {number} height Pixels of a row.
 * @property {string} label
 * @property {(item: T) => string} key
 * @property {(item: T) => string} look What a row shows besides the item, which is another one whenever it changes.
 * @property {(item: T) => HTMLElement} row
 */

const SPARE = 8;

/**
 * @template T
 * @param {How<T> & {body: HTMLElement, wrap: (body: HTMLElement) => HTMLElement, spacer: () => HTMLElement, top?: number}} how
 * @param {AbortSignal} signal
 * @returns {Rows<T>}
 */
function rows(how, signal) {
  /** @type {T[]} */
  let items = [];
  let from = -1;
  let to = -1;
  // As the browser told them: to ask while the page changes makes it lay out everything at once.
  let high = 600;
  let top = 0;
  const before = how.spacer();
  const after = how.spacer();
  const middle = how.body;
  const element = h("div", { class: "rows scroll", tabindex: "0", role: "region", "aria-label": how.label }, how.wrap(middle));
  middle.before(before);
  middle.after(after);

  /** @type {Map<string, {item: T, look: string, element: HTMLElement}>} Those in the page. */
  let shown = new Map();
  const draw = (/** @type {boolean} */ fresh) => {
    const seen = Math.ceil(high / how.height);
    const first = Math.max(0, Math.min(Math.floor((top - (how.top ?? 0)) / how.height), items.length - seen) - SPARE);
    const last = Math.min(items.length, first + seen + 2 * SPARE);
    if (!fresh && first === from && last === to) return;
    from = first;
    to = last;
    before.style.height = `${first * how.height}px`;
    after.style.height = `${(items.length - last) * how.height}px`;
    arrange(items.slice(first, last));
  };
  /** @param {T[]} wanted */
  const arrange = (wanted) => {
    /** @type {typeof shown} */
    const next = new Map();
    for (const item of wanted) next.set(how.key(item), one(item));
    for (const [key, known] of shown) if (!next.has(key)) known.element.remove();
    shown = next;
    let at = middle.firstElementChild;
    for (const { element: row } of next.values()) {
      if (row === at) at = at.nextElementSibling;
      else middle.insertBefore(row, at);
    }
  };
  /** @param {T} item */
  const one = (item) => {
    const known = shown.get(how.key(item));
    const look = how.look(item);
    if (known === undefined) return { item, look, element: how.row(item) };
    if (known.item !== item || known.look !== look) renew(known.element, how.row(item));
    return { item, look, element: known.element };
  };
  const look = () => {
    high = element.clientHeight || 600;
    top = element.scrollTop;
    draw(false);
  };
  element.addEventListener("scroll", look, { passive: true });
  const sized = new ResizeObserver(look);
  sized.observe(element);
  signal.addEventListener("abort", () => sized.disconnect());

  return {
    element,
    show: (next) => {
      items = next;
      draw(true);
    },
    reveal: (at) => {
      const place = (how.top ?? 0) + at * how.height;
      if (place - (how.top ?? 0) < element.scrollTop) element.scrollTop = place - (how.top ?? 0);
      else if (place + how.height > element.scrollTop + element.clientHeight) element.scrollTop = place + how.height - element.clientHeight;
      look();
    },
  };
}

/**
 * A list.
 * @template T
 * @param {How<T> & {signal: AbortSignal}} how
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
 * @param {How<T> & {heads: HTMLElement[], signal: AbortSignal}} how
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
