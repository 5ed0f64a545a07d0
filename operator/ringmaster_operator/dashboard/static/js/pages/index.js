/** All pages. A new one: a module of its own, and a line here. */

import { backupsPage } from "./backups.js";
import { beadPage } from "./bead.js";
import { boardPage } from "./board.js";
import { costsPage } from "./costs.js";
import { decisionsPage } from "./decisions.js";
import { eventsPage } from "./events.js";
import { graphPage } from "./graph.js";
import { lessonsPage } from "./lessons.js";
import { newBeadPage } from "./newbead.js";
import { notificationsPage } from "./notifications.js";
import { overviewPage } from "./overview.js";
import { auditPage, usersPage } from "./people.js";
import { recordsPage } from "./records.js";
import { terminalPage } from "./terminal.js";
import { workerPage, workersPage } from "./workers.js";

/**
 * @typedef {object} Page
 * @property {string} name The first part of its address below the namespace.
 * @property {string} [label] In the navigation; without one it is reached from other pages.
 * @property {string} [key] "g KEY" leads there.
 * @property {boolean} [global] Of no namespace: its address begins with /ui/_/.
 * @property {import("../core/types.js").Role} [least] Role everywhere without which it is not in the navigation.
 * @property {string[]} paths
 * @property {(context: import("../core/router.js").Context) => void | Promise<void>} page
 */

/** @type {Page[]} */
export const pages = [
  { name: "overview", label: "Overview", key: "o", paths: ["/ui/:namespace/overview", "/ui/:namespace"], page: overviewPage },
  { name: "board", label: "Board", key: "b", paths: ["/ui/:namespace/board"], page: boardPage },
  { name: "graph", label: "Graph", key: "r", paths: ["/ui/:namespace/graph"], page: graphPage },
  { name: "decisions", label: "Decisions", key: "d", paths: ["/ui/:namespace/decisions"], page: decisionsPage },
  { name: "workers", label: "Workers", key: "w", paths: ["/ui/:namespace/workers"], page: workersPage },
  { name: "workers", paths: ["/ui/:namespace/workers/:name"], page: workerPage },
  { name: "workers", paths: ["/ui/:namespace/workers/:name/sessions/:session"], page: terminalPage },
  { name: "costs", label: "Costs", key: "c", paths: ["/ui/:namespace/costs"], page: costsPage },
  { name: "lessons", label: "Lessons", key: "l", paths: ["/ui/:namespace/lessons"], page: lessonsPage },
  { name: "backups", label: "Backups", key: "k", paths: ["/ui/:namespace/backups"], page: backupsPage },
  { name: "events", label: "Events", key: "e", paths: ["/ui/:namespace/events"], page: eventsPage },
  { name: "notifications", label: "Notifications", key: "n", paths: ["/ui/:namespace/notifications"], page: notificationsPage },
  { name: "audit", label: "Audit", key: "a", paths: ["/ui/:namespace/audit"], page: auditPage },
  { name: "users", label: "Users", key: "u", global: true, least: "admin", paths: ["/ui/_/users"], page: usersPage },
  { name: "new", paths: ["/ui/:namespace/new"], page: newBeadPage },
  { name: "beads", paths: ["/ui/:namespace/beads/:name"], page: beadPage },
  { name: "beads", paths: ["/ui/:namespace/beads/:name/iterations/:id/:kind"], page: recordsPage },
];
