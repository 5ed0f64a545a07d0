/** The beginning: who is there, and which page. */

import { onSignedOut, Problem } from "./core/api.js";
import { h, paint } from "./core/dom.js";
import { startClock } from "./core/format.js";
import { startKeys } from "./core/keys.js";
import { add, go, link, start } from "./core/router.js";
import { ask, who } from "./core/who.js";
import { pages } from "./pages/index.js";
import { signInPage } from "./pages/signin.js";
import { empty, failed, loading } from "./parts/states.js";
import { addPlace, enter, firstNamespace, frame, leave, loadProjects, startShell } from "./shell.js";

/** @typedef {import("./core/router.js").Context} Context */
/** @typedef {import("./core/router.js").Route} Route */

/** Whether it is known who is there, and what that person sees. */
let entered = false;
const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @param {Context} context */
function home(context) {
  const first = firstNamespace();
  if (first) return go(link(first, pages[0]?.name ?? ""), { replace: true });
  context.title("");
  return paint(context.root, empty(
    "No project yet",
    "You see a namespace here once it has beads or Workers and you have a role in it.",
    h("pre", null, "kubectl apply --server-side -f my-beads.yaml\nringmaster install --help"),
  ));
}

/**
 * @param {Context} context
 * @param {Route | null} route
 */
async function arrived(context, route) {
  if (route?.name === "sign-in") {
    entered = false;
    app.replaceChildren(context.root);
    signInPage(context, (back) => go(back, { replace: true }));
    return;
  }
  if (!entered && !(await known(context))) return;
  if (context.signal.aborted) return;
  if (!frame.isConnected) app.replaceChildren(frame);
  enter(context.root, context.namespace === "_" ? "" : context.namespace, route?.name ?? "");
  if (route === null) {
    context.title("Not there");
    paint(context.root, empty("Not there", "No page has this address.", h("a", { href: "/ui" }, "To the overview")));
  } else {
    await route.page(context);
  }
}

/**
 * Whether somebody is signed in; else leads there, or says what is wrong.
 * @param {Context} context
 */
async function known(context) {
  if (!app.firstElementChild?.classList.contains("page")) app.replaceChildren(h("div", { class: "page" }, loading("the dashboard")));
  try {
    if (who() === null) await ask();
    await loadProjects();
    entered = true;
    return true;
  } catch (error) {
    if (context.signal.aborted) return false;
    if (error instanceof Problem && error.status === 401) {
      toSignIn();
    } else {
      app.replaceChildren(h("main", { class: "page" }, failed(error, () => location.reload())));
      setTimeout(() => context.signal.aborted || go(location.pathname + location.search, { replace: true }), 2000);
    }
    return false;
  }
}

function toSignIn() {
  if (location.pathname === "/ui/_/sign-in") return;
  const back = location.pathname + location.search;
  entered = false;
  leave();
  go(`/ui/_/sign-in${back === "/ui" ? "" : `?back=${encodeURIComponent(back)}`}`, { replace: true });
}

onSignedOut(toSignIn);
add({ name: "sign-in", path: "/ui/_/sign-in", page: () => {} });
add({ name: "", path: "/ui", page: home });
for (const page of pages) {
  for (const path of page.paths) add({ name: page.name, path, page: page.page });
  if (page.label) addPlace({ name: page.name, label: page.label, key: page.key ?? "", global: page.global ?? false, least: page.least ?? null });
}
startShell();
startKeys();
startClock();
start((context, route) => void arrived(context, route));
