/** Signing in: with a password, at the organisation's provider, or as the first administrator. */

import { address, call, Problem } from "../core/api.js";
import { h, paint } from "../core/dom.js";
import { become } from "../core/who.js";
import { labelled, values } from "../parts/dialog.js";
import { live } from "../parts/states.js";

/** @typedef {{local: boolean, oidc: boolean, firstAdmin: boolean}} Methods */

/**
 * @param {import("../core/router.js").Context} context
 * @param {(back: string) => void} done
 */
export function signInPage(context, done) {
  context.title("Sign in");
  const back = ours(context.query.get("back") ?? "");
  const fetcher = () => call("auth/methods", { quiet: true, signal: context.signal });
  live(context, "the ways to sign in", fetcher, (/** @type {Methods} */ methods) =>
    h(
      "main",
      { class: "sign-in card" },
      h("h1", null, "Ringmaster"),
      methods.firstAdmin ? first(() => done(back)) : [
        methods.local && password(() => done(back)),
        methods.local && methods.oidc && h("p", { class: "or" }, "or"),
        methods.oidc && h("a", { class: "button", href: address("auth/oidc/start", { back }) }, "Sign in with your organisation"),
        !methods.local && !methods.oidc && h("p", null, "This operator lets nobody sign in with a browser."),
      ],
    ));
}

/** @param {string} wanted An address, which anybody may have made up; it is a page of ours or else the first one. */
function ours(wanted) {
  if (!URL.canParse(wanted, location.origin)) return "/ui";
  const to = new URL(wanted, location.origin);
  return to.origin === location.origin && /^\/ui(\/|$)/.test(to.pathname) ? to.pathname + to.search : "/ui";
}

/** @param {() => void} done */
function password(done) {
  return form("Sign in", "auth/sign-in", done, [
    labelled({ name: "name", label: "Name", required: true, autocomplete: "username" }),
    labelled({ name: "password", label: "Password", kind: "password", required: true, autocomplete: "current-password" }),
  ]);
}

/** @param {() => void} done */
function first(done) {
  return [
    h("p", null, "Nobody manages users yet. The operator’s log names the file with the one-time code that makes you the first administrator."),
    form("Become administrator", "auth/first-admin", done, [
      labelled({ name: "code", label: "Code", required: true }),
      labelled({ name: "name", label: "Name", required: true, autocomplete: "username", hint: "Small letters and digits, as you will sign in." }),
      labelled({ name: "password", label: "Password", kind: "password", required: true, autocomplete: "new-password" }),
    ]),
  ];
}

/**
 * @param {string} text
 * @param {string} path
 * @param {() => void} done
 * @param {HTMLElement[]} fields
 */
function form(text, path, done, fields) {
  const fault = h("p", { class: "fault", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, text);
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      become(await call(path, { method: "POST", body: values(made), quiet: true }));
      done();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      paint(fault, error.message);
    } finally {
      submit.disabled = false;
    }
  };
  const made = h("form", { onsubmit: send }, fields, fault, submit);
  return made;
}
