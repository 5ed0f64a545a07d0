/** How a namespace stands: loaded when a page comes, then told by the stream as often as it changes. */

import { call, path } from "./api.js";
import { project } from "./store.js";

/**
 * @typedef {{kind: string, name: string, title: string, why: string, priority?: string, since?: string, blocks: number,
 *   parent?: string, options: string[], deadline?: string}} Need
 * @typedef {{name: string, title: string, priority: string, worker: string, session: string, activity: string,
 *   since: string, attempt: number, iteration: number, maxIterations: number, progressAt?: string, note: string,
 *   toolCalls: number, tokens: number, tokensPerMinute?: number, usd: number}} Run
 * @typedef {{name: string, worker: string, activity: string, state: string, bead?: string, iteration?: number,
 *   startedAt?: string, progressAt?: string, tokensPerMinute?: number, restarts: number, message: string}} Active
 * @typedef {{usd: number, tokens: number}} Sums
 * @typedef {{name: string, per: string, usd?: number, tokens?: number, spent: Sums, reached: boolean}} Budget
 * @typedef {{at: string, phases: Record<string, number>, needs: Need[], needed: Record<string, number>, running: Run[],
 *   ready: number, sessions: Active[], done: {day: string, succeeded: number, failed: number}[],
 *   spend: {today: Sums, running: Sums, month: {spent: number, expected?: number}, budgets: Budget[]},
 *   backup: {schedules: number, last?: string, verified: boolean, failing: boolean, next?: string}}} Overview
 */

/** Milliseconds between two loads while no stream tells; pages that lost it together do not come together. */
const EVERY = 10000;

/**
 * @param {{namespace: string, signal: AbortSignal}} context
 * @returns {{load: (signal: AbortSignal) => Promise<Overview>, follow: (shown: (overview: Overview) => void, again: () => unknown) => void}}
 *   follow: shown gets what the stream tells; again is called to load while it tells nothing.
 */
export function standing({ namespace, signal }) {
  /** @type {Overview | undefined} What a call brings may be older than what the stream told meanwhile. */
  let newest;
  const newer = (/** @type {Overview} */ found) => {
    if (newest === undefined || Date.parse(found.at) >= Date.parse(newest.at)) newest = found;
    return newest;
  };
  const load = async (/** @type {AbortSignal} */ aborted) => newer(await call(`${path("namespaces", namespace)}/overview`, { signal: aborted }));
  const follow = (/** @type {(overview: Overview) => void} */ shown, /** @type {() => unknown} */ again) => {
    const open = project(namespace);
    open.onOverview((found) => shown(newer(found)), signal);
    open.onState(() => {
      // Another operator may answer next, and its clock may be another.
      if (open.state !== "live") newest = undefined;
      if (open.state === "ended") again();
    }, signal);
    const timer = setInterval(() => document.hidden || open.state === "live" || again(), EVERY * (0.75 + Math.random() / 2));
    signal.addEventListener("abort", () => clearInterval(timer));
  };
  return { load, follow };
}
