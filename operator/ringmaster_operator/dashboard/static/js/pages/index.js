/** All pages. A new one: a module of its own, and a line here. */

import { beadPage } from "./bead.js";
import { boardPage } from "./board.js";
import { newBeadPage } from "./newbead.js";
import { overviewPage } from "./overview.js";

/**
 * @typedef {object} Page
 * @property {string} name The first part of its address below the namespace.
 * @property {string} [label] In the navigation; without one it is reached from other pages.
 * @property {string} [key] "g KEY" leads there.
 * @property {boolean} [global] Of no namespace: its address begins with /ui/_/.
 * @property {string[]} paths
 * @property {(context: import("../core/router.js").Context) => void | Promise<void>} page
 */

/** @type {Page[]} */
export const pages = [
  { name: "overview", label: "Overview", key: "o", paths: ["/ui/:namespace/overview", "/ui/:namespace"], page: overviewPage },
  { name: "board", label: "Board", key: "b", paths: ["/ui/:namespace/board"], page: boardPage },
  { name: "beads", paths: ["/ui/:namespace/beads/:name"], page: beadPage },
  { name: "new", paths: ["/ui/:namespace/new"], page: newBeadPage },
];
