/** Users, their roles, and who changed what. */

import { call, path, upTo } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, count } from "../core/format.js";
import { bind } from "../core/keys.js";
import { remember } from "../core/router.js";
import { may, who } from "../core/who.js";
import { button, card, heading, table } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { empty, live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

/** Lines of the audit log that are shown at first, and how many more each time. */
const PAGE = 100;
const ROLES = ["viewer", "contributor", "maintainer", "admin"];

/** @param {import("../core/router.js").Context} context */
export function usersPage(context) {
  context.title("Users");
  const again = () => page.load();
  const fetcher = async (/** @type {AbortSignal} */ signal) => {
    const [users, roles] = await Promise.all([call("users", { signal, query: { limit: 500 } }), call("roles", { signal })]);
    return { users: users.items, roles: roles.items };
  };
  const page = live(context, "the users", fetcher, ({ users, roles }) => [
    heading("Users", may("admin", "*") && button("Add a user …", () => void addUser(again), { class: "primary" })),
    card("People", table("Users", ["Name", "Shown as", "Signs in", "Since", "State", ""], users.map((/** @type {any} */ one) => [
      h("strong", null, one.name), one.displayName, one.hasPassword ? "with a password" : "at the provider", ago(one.createdAt),
      one.disabledAt ? h("span", { class: "chip is-bad" }, "disabled") : "", button(one.disabledAt ? "Enable" : "Disable …", () => void toggle(one, again), { class: "quiet" })]), "stacked")),
    card("Roles", table("Roles", ["Who", "Where", "Role", "Since", "By", ""], roles.map((/** @type {any} */ one) => [
      one.subject, one.namespace === "*" ? "everywhere" : one.namespace, one.role, ago(one.grantedAt), one.grantedBy, button("Revoke …", () => void revoke(one, again), { class: "quiet", "aria-label": `Revoke the role of ${one.subject} in ${one.namespace}` })]), "stacked"),
      button("Grant a role …", () => void grant(again))),
  ]);
}

/** @param {() => void} again */
function addUser(again) {
  return ask({ title: "Add a user", submit: "Add", text: "A user may nothing until a role is granted.", fields: [
    { name: "name", label: "Name", required: true, hint: "Small letters and digits." }, { name: "displayName", label: "Shown as" },
    { name: "password", label: "Password", kind: "password", autocomplete: "new-password", hint: "Empty: signs in at the provider only." }],
  act: ({ name, displayName, password }) => call("users", { method: "POST", body: { name, displayName, ...(password ? { password } : {}) } }) }).then((done) => done && again());
}

/** @param {any} user @param {() => void} again */
async function toggle(user, again) {
  const send = (/** @type {boolean} */ disabled) => call(path("users", user.name), { method: "PATCH", body: { disabled } });
  if (user.disabledAt) {
    if (await attempt(() => send(false), `${user.name} may sign in again`)) again();
  } else if (await ask({ title: `Disable ${user.name}?`, text: "Every session and token of the user ends for good.", danger: true, submit: "Disable", act: () => send(true) })) {
    again();
  }
}

/** @param {() => void} again */
function grant(again) {
  return ask({ title: "Grant a role", submit: "Grant", fields: [
    { name: "subject", label: "Who", value: "user:", required: true, hint: "user:NAME or group:NAME" }, { name: "namespace", label: "Where", value: "*", required: true, hint: "A namespace, or * for all." },
    { name: "role", label: "Role", kind: "select", options: ROLES.map((name) => [name]) }],
  act: (body) => call("roles", { method: "PUT", body }) }).then((done) => done && again());
}

/** @param {any} role @param {() => void} again */
function revoke({ subject, namespace, role }, again) {
  return ask({ title: `Take the role ${role} from ${subject}?`, submit: "Revoke", danger: true, act: () => call("roles", { method: "DELETE", query: { subject, namespace } }) }).then((done) => done && again());
}

/** @param {import("../core/router.js").Context} context */
export function auditPage(context) {
  const { namespace, query, title, root, signal } = context;
  title("Audit");
  const again = () => page.load();
  let text = query.get("text") ?? "";
  let wanted = PAGE;
  const more = () => {
    wanted += PAGE;
    void again();
  };
  const typed = (/** @type {Event} */ event) => {
    if (!(event.target instanceof HTMLInputElement)) return;
    text = event.target.value;
    remember({ text });
    page.repaint();
  };
  const fits = (/** @type {any} */ one) => text.toLowerCase().split(/\s+/).every((word) => `${one.person} ${one.action} ${one.kind} ${one.name}`.toLowerCase().includes(word));
  const fetcher = (/** @type {AbortSignal} */ signal) => upTo("audit", { signal, query: { namespace: namespace === "_" ? null : namespace } }, wanted);
  bind("/", "Find in the audit log", () => /** @type {HTMLInputElement | null} */ (root.querySelector("input[type=search]"))?.focus(), signal);
  const page = live(context, "the audit log", fetcher, (found) => [
    heading("Audit", h("input", { type: "search", "aria-label": "Find who, what, or of what", placeholder: "Who, what  /", value: text, oninput: typed })),
    found.items.length ? card(found.more ? `Who changed what, the newest ${count(found.items.length)}` : "Who changed what", [table("Audit log", ["When", "Who", "What", "Of", "Change", ""], found.items.filter(fits).map((/** @type {any} */ one) => [
      ago(one.at), h("span", { title: `${one.credential} ${one.address}` }, one.person), one.action, `${one.kind} ${one.name}`,
      (one.before || one.after) && h("details", null, h("summary", null, "Show"), h("pre", null, JSON.stringify({ before: one.before, after: one.after }, null, 1))),
      one.undoneBy ? "undone" : one.person === who()?.name && !one.undoOf && h("button", { class: "quiet", type: "button", "aria-label": `Undo ${one.action} of ${one.name}`, onclick: () => void undo(one.id, again) }, "Undo")]), "stacked"),
      !found.items.some(fits) && h("p", { class: "muted" }, "None of these has these words."),
      found.more && h("div", { class: "buttons" }, button("Show more", more))])
      : empty("Nothing was changed yet", "What people change here, over the API or the dashboard, is kept with who did it."),
  ]);
}

/** @param {number} id @param {() => void} again */
async function undo(id, again) {
  if (await attempt(() => call(`audit/${id}/undo`, { method: "POST" }), "Taken back")) again();
}
