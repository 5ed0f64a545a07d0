/** Lessons: search, what speaks for and against each, what they bring; endorse and retire. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, count, counted, spaced } from "../core/format.js";
import { bind } from "../core/keys.js";
import { remember } from "../core/router.js";
import { may } from "../core/who.js";
import { button, card, heading } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { empty, live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

const WAIT = 250;

/** @param {import("../core/router.js").Context} context */
export function lessonsPage(context) {
  const { namespace, title, query, signal, root } = context;
  title("Lessons");
  const at = `${path("namespaces", namespace)}/lessons`;
  let words = query.get("q") ?? "";
  let state = query.get("state") ?? "active";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  const again = () => page.load();
  const look = () => {
    remember({ q: words, state: state === "active" ? "" : state });
    clearTimeout(soon);
    soon = setTimeout(() => void again(), WAIT);
  };
  const type = (/** @type {Event} */ event) => {
    if (event.target instanceof HTMLInputElement) words = event.target.value;
    look();
  };
  const pick = (/** @type {Event} */ event) => {
    if (event.target instanceof HTMLSelectElement) state = event.target.value;
    look();
  };
  const fetcher = async (/** @type {AbortSignal} */ aborted) => {
    const list = words.trim() ? call(`${at}/search`, { signal: aborted, query: { q: words, limit: 100 } }) : call(at, { signal: aborted, query: { state, limit: 200 } });
    const [lessons, report] = await Promise.all([list, call(`${at}/report`, { signal: aborted })]);
    return { lessons: lessons.items, report, more: Boolean(lessons.next) };
  };
  const page = live(context, "the lessons", fetcher, ({ lessons, report, more }) => [
    heading("Lessons", [
      h("input", { type: "search", "aria-label": "Search lessons", placeholder: "Search  /", value: words, oninput: type }),
      h("select", { "aria-label": "State", value: state, onchange: pick, disabled: words.trim() !== "" }, ["active", "retired", "all"].map((name) => h("option", { value: name }, spaced(name)))),
      may("contributor", namespace) && button("Add …", () => void add(at, again))]),
    h("div", { class: "overview" },
      h("div", null, lessons.length ? lessons.map((/** @type {any} */ one) => lesson(namespace, at, one, again)) : empty("No lessons", words ? "None fits these words." : "Agents write them down after their runs; people can add their own."), more && h("p", { class: "hint" }, "There are more: search for them.")),
      h("div", null, effect(report))),
  ]);
  bind("/", "Search", () => /** @type {HTMLInputElement | null} */ (root.querySelector("input[type=search]"))?.focus(), signal);
}

/**
 * @param {string} namespace
 * @param {string} at
 * @param {any} one
 * @param {() => void} again
 */
function lesson(namespace, at, one, again) {
  const endorse = async () => (await attempt(() => call(`${at}/${one.id}/endorse`, { method: "POST" }), "Endorsed")) && again();
  const retire = () => ask({ title: "Retire this lesson?", text: one.lesson, submit: "Retire", danger: true, fields: [{ name: "reason", label: "Why" }],
    act: ({ reason }) => call(`${at}/${one.id}/retire`, { method: "POST", body: reason ? { reason } : {} }) }).then((done) => done && again());
  const applies = [one.applies?.repository, ...(one.applies?.paths ?? []), ...(one.applies?.capabilities ?? [])].filter(Boolean);
  return h(
    "section",
    { class: "card", "data-key": String(one.id) },
    h("p", { class: "prose" }, one.lesson),
    one.cause && h("p", { class: "muted prose" }, one.cause),
    h("p", { class: "meta" }, one.state !== "active" && h("span", { class: "chip" }, one.state), !one.given && h("span", { class: "chip is-warning" }, "waits for endorsement"), h("span", null, `by ${one.author || one.origin}`), h("span", null, `told in ${counted(one.successes + one.failures, "attempt")}, ${count(one.successes)} succeeded`), h("span", null, `learned ${counted(one.seen, "time")}`), one.contradicted > 0 && h("span", null, `${count(one.contradicted)} found it wrong`), one.endorsedBy.length > 0 && h("span", null, `endorsed by ${one.endorsedBy.join(", ")}`), applies.length > 0 && h("span", { class: "mono" }, applies.join(" ")), h("span", null, ago(one.updatedAt))),
    one.why && h("p", { class: "hint" }, one.why), one.retiredReason && h("p", { class: "hint" }, `Retired: ${one.retiredReason}`),
    may("contributor", namespace) && h("div", { class: "actions" }, button("Endorse", () => void endorse()), one.state === "active" && button("Retire …", () => void retire())),
  );
}

/** @param {string} at @param {() => void} again */
function add(at, again) {
  return ask({ title: "Add a lesson", submit: "Add", fields: [{ name: "lesson", label: "Lesson", kind: "area", required: true, hint: "What agents should know, in a sentence or two." }],
    act: ({ lesson: text }) => call(at, { method: "POST", body: { lesson: text } }) }).then((done) => done && again());
}

/** @param {any} report */
function effect(report) {
  const gain = report.gain;
  return card("What they bring", h("div", { class: "stack" },
    h("p", null, `${count(report.lessons)} active, ${count(report.retired)} retired`),
    h("p", null, gain ? `Attempts that were told lessons succeed ${points(gain.low)} to ${points(gain.high)} points more often than those from which fitting lessons were held back.` : "There are too few attempts yet to say what they bring."),
    h("p", { class: "hint" }, "Measured on attempts that were and were not told fitting lessons, with 95 % certainty.")));
}

/** @param {number} share */
const points = (share) => `${share >= 0 ? "+" : ""}${Math.round(share * 100)}`;
