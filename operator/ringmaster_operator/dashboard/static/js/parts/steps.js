/** One after the other through what a page lists, by its first link or button: Enter opens that. */

const LISTED = ".mail > li, tbody tr, section[data-key]";
/** What is opened by Enter: a link where there is one. */
const FIRST = ["a[href]:not([download])", "button:not([disabled]), summary"];

/**
 * Give the next one the focus, the first where none has it.
 * @param {HTMLElement} page
 * @param {number} by 1 or -1.
 */
export function step(page, by) {
  const firsts = [...page.querySelectorAll(LISTED)].map((one) => FIRST.map((kind) => one.querySelector(kind)).find((first) => first?.checkVisibility()));
  const found = /** @type {HTMLElement[]} */ ([...new Set(firsts)].filter(Boolean));
  const here = document.activeElement?.closest(LISTED) ?? null;
  const at = found.findIndex((one) => one.closest(LISTED) === here);
  found[at < 0 ? 0 : Math.max(0, Math.min(found.length - 1, at + by))]?.focus();
}
