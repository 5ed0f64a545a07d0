/** What people do to beads and Workers, as calls. Each throws Problem. */

import { call, path } from "./api.js";

/**
 * @param {string} namespace
 * @param {string} name
 * @param {"hold" | "resume" | "cancel" | "retry" | "reopen" | "steer" | "decide"} what
 * @param {unknown} [body]
 */
export function act(namespace, name, what, body) {
  return call(`${path("namespaces", namespace, "beads", name)}/${what}`, { method: "POST", body });
}

/**
 * Change some fields of a bead, whatever version it has: each of these is a wish of its own.
 * @param {string} namespace
 * @param {string} name
 * @param {Record<string, unknown>} spec
 */
export function change(namespace, name, spec) {
  return call(path("namespaces", namespace, "beads", name), { method: "PATCH", body: { spec }, match: "*" });
}

/**
 * @param {string} namespace
 * @param {string} name
 */
export function remove(namespace, name) {
  return call(path("namespaces", namespace, "beads", name), { method: "DELETE" });
}

/**
 * Do one thing to many, a few at a time.
 * @param {string[]} names
 * @param {(name: string) => Promise<unknown>} one
 * @returns {Promise<{done: string[], failed: {name: string, error: unknown}[]}>}
 */
export async function each(names, one) {
  const left = [...names];
  /** @type {string[]} */
  const done = [];
  /** @type {{name: string, error: unknown}[]} */
  const failed = [];
  const take = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      try {
        await one(name);
        done.push(name);
      } catch (error) {
        failed.push({ name, error });
      }
    }
  };
  await Promise.all([take(), take(), take(), take()]);
  return { done, failed };
}
