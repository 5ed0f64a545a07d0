/** What can be done to a bead as it is: the buttons of its page. */

import { act, remove } from "../core/acts.js";
import { call, path } from "../core/api.js";
import { go, link } from "../core/router.js";
import { may } from "../core/who.js";
import { button } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { attempt, toast } from "../parts/toast.js";

/** @typedef {import("../core/types.js").Bead} Bead */

/**
 * @param {string} namespace
 * @param {Bead} bead
 * @param {() => void} again
 */
export function offered(namespace, bead, again) {
  if (!may("contributor", namespace)) return null;
  const name = bead.metadata.name;
  const { spec, status } = bead;
  const ended = ["Succeeded", "Failed", "Cancelled"].includes(status.phase);
  const worked = spec.type !== "epic" && spec.type !== "decision";
  const run = async (/** @type {"hold" | "resume" | "reopen"} */ what, /** @type {string} */ said) => {
    if (await attempt(() => act(namespace, name, what), said)) again();
  };
  const dialog = async (/** @type {Parameters<typeof ask>[0]} */ what) => {
    if (await ask(what)) again();
  };
  return [
    !ended && spec.desired === "Hold" && button("Resume", () => void run("resume", `${name} goes on`), { class: "primary" }),
    !ended && spec.desired !== "Hold" && button("Hold", () => void run("hold", `${name} is held`)),
    !ended && worked && button("Steer …", () => void dialog({
      title: "Say something to the agent", submit: "Send", fields: [{ name: "text", label: "Words", kind: "area", required: true, hint: "It is told at its next turn or iteration." }],
      act: ({ text }) => act(namespace, name, "steer", { text }) })),
    ["Failed", "Cancelled"].includes(status.phase) && button("Retry …", () => void dialog({
      title: `Run ${name} again`, submit: "Retry", fields: [{ name: "fromScratch", label: "From scratch", kind: "check", hint: "Do not build on the work so far: a new branch." }],
      act: ({ fromScratch }) => act(namespace, name, "retry", { fromScratch: fromScratch === "true" }) }), { class: "primary" }),
    status.phase === "Succeeded" && button("Reopen", () => void run("reopen", `${name} is open again`)),
    button("Edit …", () => edit(namespace, bead, again)),
    !ended && button("Cancel …", () => void dialog({
      title: `Cancel ${name}?`, text: "A running agent is stopped; its work stays on its branch.", danger: true, submit: "Cancel it",
      act: () => act(namespace, name, "cancel") }), { class: "danger" }),
    ended && may("maintainer", namespace) && button("Delete …", () => void ask({
      title: `Delete ${name}?`, text: "What became of it stays in the history. This cannot be undone.", danger: true, submit: "Delete it", act: () => remove(namespace, name),
    }).then((done) => done && (toast(`${name} is deleted`), go(link(namespace, "board")))), { class: "danger" }),
  ];
}

/**
 * Change the fields that change most; refused where somebody else was faster.
 * @param {string} namespace
 * @param {Bead} bead
 * @param {() => void} again
 */
export async function edit(namespace, bead, again) {
  const { spec, metadata } = bead;
  const done = await ask({
    title: `Edit ${metadata.name}`, submit: "Save",
    fields: [
      { name: "title", label: "Title", value: spec.title, required: true },
      { name: "description", label: "Description", kind: "area", value: spec.description ?? "" },
      { name: "priority", label: "Priority", kind: "select", value: spec.priority ?? "P2", options: ["P0", "P1", "P2", "P3", "P4"].map((level) => [level]) },
      { name: "parent", label: "Parent", value: spec.parent ?? "" },
      { name: "dependsOn", label: "Depends on", value: (spec.dependsOn ?? []).join(", "), hint: "Names, with commas between." },
      { name: "verify", label: "Verify commands", kind: "area", value: (spec.acceptance?.verify ?? []).join("\n"), hint: "One a line." },
    ],
    act: (given) => call(path("namespaces", namespace, "beads", metadata.name), { method: "PATCH", match: metadata.resourceVersion, body: { spec: changed(spec, given) } }),
  });
  if (done) again();
}

/**
 * Only what was changed, so that nothing else is overwritten.
 * @param {any} spec
 * @param {Record<string, string>} given
 */
function changed(spec, given) {
  /** @type {Record<string, unknown>} */
  const patch = {};
  const put = (/** @type {string} */ name, /** @type {unknown} */ before, /** @type {unknown} */ after) => {
    if (JSON.stringify(before) !== JSON.stringify(after)) patch[name] = after;
  };
  put("title", spec.title, given["title"]?.trim());
  put("description", spec.description ?? "", given["description"]);
  put("priority", spec.priority ?? "P2", given["priority"]);
  put("parent", spec.parent ?? null, given["parent"]?.trim() || null);
  put("dependsOn", spec.dependsOn ?? [], (given["dependsOn"] ?? "").split(/[\s,]+/).filter(Boolean));
  const verify = (given["verify"] ?? "").split("\n").map((row) => row.trim()).filter(Boolean);
  if (JSON.stringify(spec.acceptance?.verify ?? []) !== JSON.stringify(verify)) patch["acceptance"] = { verify };
  return patch;
}

