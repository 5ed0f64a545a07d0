/** Who is told what, by which channel, and when: one's own, and the namespace's. */

import { call, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, counted, moment, sentence } from "../core/format.js";
import { may, who } from "../core/who.js";
import { button, card, heading, table } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { live } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

/** @type {[string, string][]} */
const KINDS = [
  ["decision", "Decisions to make"],
  ["escalation", "Beads that are stuck"],
  ["failed", "Failed beads"],
  ["finished", "Finished epics"],
  ["budget", "Budgets"],
  ["backup", "Backups"],
  ["worker", "Workers without sessions"],
  ["operator", "Faults of settings and operator"],
];
const DIGESTS = [["now", "At once"], ["hourly", "Every hour"], ["daily", "Every day"]];
const ASKED = ["channel", "address", "kinds", "namespaces", "digest", "dailyAt", "quiet", "timeZone", "mutedUntil"];
const SETTINGS = "Set in project.toml of the ConfigMap ringmaster-project: it is changed there.";
const NIGHT = 8 * 3600 * 1000;

/** @param {import("../core/router.js").Context} context */
export function notificationsPage(context) {
  const { namespace } = context;
  context.title("Notifications");
  const personal = who()?.credential !== "cluster";
  const shared = may("maintainer", namespace);
  const places = [personal && "me/notifications", shared && path("namespaces", namespace, "notifications")];
  const again = () => page.load();
  const fetcher = (/** @type {AbortSignal} */ signal) => Promise.all(places.map((place) => place && call(place, { signal })));
  const page = live(context, "the notifications", fetcher, ([own, all]) => [
    heading("Notifications"),
    own && section("For you", `${places[0]}`, own, again),
    all && section(`For all of ${namespace}`, `${places[1]}`, all, again),
  ]);
}

/** @param {string} title @param {string} place @param {any} found @param {() => void} again */
function section(title, place, found, again) {
  const own = place.startsWith("me/");
  const add = found.channels.length > 0 && button("Add …", () => void edit(place, found, null, again), { class: "primary", "aria-label": `Add a notification ${title.toLowerCase()}` });
  if (found.items.length === 0) {
    const words = found.trouble ? sentence(found.trouble) : found.channels.length > 0 ? "Add a notification: choose a channel, and what it is told." : "No channel is open to this: whoever runs the operator sets them up.";
    return card(title, h("div", { class: "stack" }, h("p", null, own ? "You are told nothing." : "Nobody is told anything."), h("p", { class: "hint" }, words)), add);
  }
  const heads = ["Channel", "What", own && "Where", "When", "#Waiting", "Last sent", ""].filter((head) => head !== false);
  return card(title, table(title, heads, found.items.map((/** @type {any} */ one) => [
    h("span", null, h("strong", null, one.channel), one.address && ` ${one.address}`, one.declared && h("span", { class: "chip", title: SETTINGS }, "by settings")),
    one.kinds?.length ? one.kinds.join(", ") : "everything",
    ...(own ? [one.namespaces?.length ? one.namespaces.join(", ") : "everywhere"] : []),
    when(one),
    one.waiting,
    h("span", null, one.lastSentAt ? ago(one.lastSentAt) : "never", trouble(one)),
    acts(place, found, one, again),
  ]), "stacked"), add);
}

/** @param {any} one */
function when(one) {
  const parts = [DIGESTS.find(([key]) => key === one.digest)?.[1] ?? one.digest];
  if (one.digest === "daily") parts.push(`at ${one.dailyAt}`);
  if (one.quiet) parts.push(`quiet ${one.quiet.start}–${one.quiet.end}`);
  if (one.digest === "daily" || one.quiet) parts.push(one.timeZone);
  if (muted(one)) parts.push(`muted until ${moment(one.mutedUntil)}`);
  return parts.join(", ");
}

const muted = (/** @type {any} */ one) => one.mutedUntil && new Date(one.mutedUntil) > new Date();

/** @param {any} one */
function trouble(one) {
  const words = [one.givenUp ? `${counted(one.givenUp, "notice")} given up` : "", one.lastError].filter(Boolean).join("; ");
  return words && h("span", { class: "chip is-bad", title: words }, words);
}

/** @param {string} place @param {any} found @param {any} one @param {() => void} again */
function acts(place, found, one, again) {
  const where = `${place}/${one.id}`;
  const name = `${one.channel} ${one.address ?? ""}`.trim();
  const put = (/** @type {any} */ change) => call(where, { method: "PUT", body: { ...asked(one), ...change } });
  const hush = async () => {
    const until = muted(one) ? null : new Date(Date.now() + NIGHT).toISOString();
    if (await attempt(() => put({ mutedUntil: until }), muted(one) ? "Told again" : "Muted for 8 hours")) again();
  };
  const remove = () => ask({ title: `Remove ${name}?`, text: "What waits is dropped.", submit: "Remove", danger: true, act: () => call(where, { method: "DELETE" }) }).then((done) => done && again());
  const label = (/** @type {string} */ act) => ({ class: "quiet", "aria-label": `${act} ${name}` });
  const test = button("Test", () => void attempt(() => call(`${where}/test`, { method: "POST" }), "A test message was sent"), label("Test"));
  if (one.declared) return h("div", { class: "buttons" }, test);
  return h("div", { class: "buttons" },
    test,
    button("Change …", () => void edit(place, found, one, again), label("Change")),
    button(muted(one) ? "Unmute" : "Mute", () => void hush(), label(muted(one) ? "Unmute" : "Mute")),
    button("Remove …", () => void remove(), label("Remove")));
}

/** @param {any} one What was asked for, of a notification. */
const asked = (one) => Object.fromEntries(ASKED.filter((key) => one[key] !== undefined && one[key] !== "").map((key) => [key, one[key]]));

/** @param {string} place @param {any} found @param {any} one @param {() => void} again */
function edit(place, found, one, again) {
  const own = place.startsWith("me/");
  const zone = one?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const channels = found.channels.map((/** @type {any} */ item) => [item.name, [item.name, item.about].filter(Boolean).join(": ")]);
  const told = (/** @type {string} */ kind) => String(!one?.kinds?.length || one.kinds.includes(kind));
  return ask({
    title: one ? `Change ${one.channel}` : "Add a notification",
    submit: one ? "Change" : "Add",
    fields: [
      { name: "channel", label: "Channel", kind: "select", value: one?.channel, options: channels },
      { name: "address", label: "Your address there", value: one?.address ?? "", hint: "For channels that take one." },
      ...KINDS.map(([name, label]) => ({ name, label, kind: /** @type {const} */ ("check"), value: told(name) })),
      ...(own ? [{ name: "namespaces", label: "Namespaces", value: (one?.namespaces ?? []).join(" "), hint: "With spaces between; empty: all that you may see." }] : []),
      { name: "digest", label: "How often", kind: "select", value: one?.digest, options: DIGESTS },
      { name: "dailyAt", label: "Every day at", value: one?.dailyAt ?? "08:00" },
      { name: "start", label: "Quiet from", value: one?.quiet?.start ?? "", hint: "22:00, say; empty: never." },
      { name: "end", label: "Quiet until", value: one?.quiet?.end ?? "" },
      { name: "timeZone", label: "Time zone", value: zone },
    ],
    act: (given) => call(one ? `${place}/${one.id}` : place, { method: one ? "PUT" : "POST", body: wish(given, one) }),
  }).then((done) => done && again());
}

/** @param {Record<string, string>} given @param {any} one */
function wish(given, one) {
  const { namespaces = "", channel, address, digest, dailyAt, timeZone, start, end } = given;
  const kinds = KINDS.map(([name]) => name).filter((name) => given[name] === "true");
  return {
    channel,
    address,
    kinds: kinds.length === KINDS.length ? [] : kinds,
    namespaces: namespaces.split(/[\s,]+/).filter(Boolean),
    digest,
    dailyAt,
    timeZone,
    ...(start || end ? { quiet: { start, end } } : {}),
    ...(one?.mutedUntil ? { mutedUntil: one.mutedUntil } : {}),
  };
}
