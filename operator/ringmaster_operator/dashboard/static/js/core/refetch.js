/** Load again when something changed, not more often than is of use, and not while nobody looks. */

import { project } from "./store.js";

/**
 * @param {{namespace: string, signal: AbortSignal}} context
 * @param {() => unknown} load
 * @param {{gap?: number, every?: number, concerns?: (change: import("./types.js").Change) => boolean}} [how]
 *   gap and every in milliseconds: between two loads, and between loads for what no change tells (0: never).
 */
export function refetch({ namespace, signal }, load, { gap = 400, every = 0, concerns = ({ beads, workers }) => beads.size + workers.size > 0 } = {}) {
  let last = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const now = () => {
    clearTimeout(waiting);
    waiting = undefined;
    last = Date.now();
    if (!signal.aborted) load();
  };
  project(namespace).onChange((change) => {
    if (waiting !== undefined || !(change.all || concerns(change))) return;
    waiting = setTimeout(now, Math.max(0, last + gap - Date.now()));
  }, signal);
  const timer = every > 0 ? setInterval(() => document.hidden || waiting !== undefined || now(), every) : undefined;
  signal.addEventListener("abort", () => {
    clearTimeout(waiting);
    clearInterval(timer);
  });
}
