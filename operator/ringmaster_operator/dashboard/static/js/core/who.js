/** Who looks, and what that person may do. The operator judges; here it only decides what is offered. */

import { call, setCsrf } from "./api.js";

/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Role} Role */

/** @type {Role[]} Each includes those before it. */
const ORDER = ["viewer", "contributor", "maintainer", "admin"];
/** @type {Me | null} */
let me = null;

export const who = () => me;

/** @param {Me | null} person */
export function become(person) {
  me = person;
  setCsrf(person?.csrf ?? "");
}

/** Ask who is signed in; throws Problem (401) where nobody is. */
export async function ask() {
  become(await call("auth/me", { quiet: true }));
}

/**
 * Whether a person has at least a role in a namespace.
 * @param {Role} least
 * @param {string} namespace
 */
export function may(least, namespace) {
  if (me === null) return false;
  if (me.credential === "cluster") return true;
  return me.roles.some(
    (held) => (held.namespace === "*" || held.namespace === namespace) && ORDER.indexOf(held.role) >= ORDER.indexOf(least),
  );
}
