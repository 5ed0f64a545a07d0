/** Keys: one, or two after another ("g b"). Not while somebody writes. */

/**
 * @typedef {object} Key
 * @property {string} keys
 * @property {string} what In words, for the help.
 * @property {(event: KeyboardEvent) => void} act
 */

/** @type {Set<Key>} */
const bound = new Set();
const SECOND_WITHIN = 1200;
let first = "";
let at = 0;

/**
 * @param {string} keys
 * @param {string} what
 * @param {(event: KeyboardEvent) => void} act
 * @param {AbortSignal} [signal] Until then; for ever when absent.
 */
export function bind(keys, what, act, signal) {
  const key = { keys, what, act };
  bound.add(key);
  signal?.addEventListener("abort", () => bound.delete(key));
}

/** Those that have an effect: of several for the same keys the last one bound. */
export const bindings = () => [...new Map([...bound].map((key) => [key.keys, key])).values()];

export function startKeys() {
  document.addEventListener("keydown", pressed);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const control = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (control && event.key.toLowerCase() === "k") return run("Ctrl+K", event);
  if (control || event.altKey || event.isComposing || writes(event.target)) return undefined;
  if (document.querySelector("dialog[open]")) return undefined;
  const pair = first && Date.now() - at < SECOND_WITHIN ? `${first} ${event.key}` : "";
  first = "";
  if (pair && run(pair, event)) return undefined;
  if (run(event.key, event)) return undefined;
  if ([...bound].some(({ keys }) => keys.startsWith(`${event.key} `))) {
    first = event.key;
    at = Date.now();
  }
  return undefined;
}

/**
 * @param {string} keys
 * @param {KeyboardEvent} event
 */
function run(keys, event) {
  // The last one bound wins: a page's own key before the one that holds everywhere.
  const found = [...bound].reverse().find((key) => key.keys === keys);
  if (!found) return false;
  event.preventDefault();
  found.act(event);
  return true;
}

/** @param {EventTarget | null} target */
function writes(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
