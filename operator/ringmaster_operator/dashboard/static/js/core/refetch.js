/** Load again when something changed, not more often than is of use, and not while nobody looks. */

import { project } from "./store.js";

/**
 * What may be called at any time, and acts not more often than every gap.
 * @param {() => unknown} act
 * @param {number} gap In milliseconds.
 * @param {AbortSignal} signal
 */
export function paced(act, gap, signal) {
  let last = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const now = () => {
    waiting = undefined;
    last = Date.now();
    act();
  };
  signal.addEventListener("abort", () => clearTimeout(waiting));
  return () => {
    if (!signal.aborted) waiting ??= setTimeout(now, Math.max(0, last + gap - Date.now()));
  };
}

/**
 * @param {{namespace: string, signal: AbortSignal}} context
 * @param {() => unknown} load
 * @param {{gap?: number, every?: number, concerns?: (change: import("./types.js").Change) => boolean}} [how]
 *   gap and every in milliseconds: between two loads, and between loads for what no change tells (0: never).
 */
export function refetch({ namespace, signal }, load, { gap = 400, every = 0, concerns = ({ beads, workers }) => beads.size + workers.size > 0 } = {}) {
  const soon = paced(load, gap, signal);
  project(namespace).onChange((change) => {
    if (change.all || concerns(change)) soon();
  }, signal);
  const timer = every > 0 ? setInterval(() => document.hidden || soon(), every) : undefined;
  signal.addEventListener("abort", () => clearInterval(timer));
}
