/** A bead by hand: what is asked most, the rest by `kubectl` or `ringmaster create`. */

import { call, path } from "../core/api.js";
import { h, paint } from "../core/dom.js";
import { go, link } from "../core/router.js";
import { Problem } from "../core/api.js";
import { may } from "../core/who.js";
import { heading } from "../parts/bits.js";
import { labelled, values } from "../parts/dialog.js";
import { empty } from "../parts/states.js";
import { toast } from "../parts/toast.js";

/** @param {import("../core/router.js").Context} context */
export function newBeadPage({ root, namespace, query, title }) {
  title("New bead");
  if (!may("contributor", namespace)) {
    paint(root, empty("Not yours to do", `Making beads in ${namespace} takes the role contributor.`));
    return;
  }
  const fault = h("p", { class: "fault", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, "Create bead");
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const made = await call(`${path("namespaces", namespace)}/beads`, { method: "POST", body: wish(values(form)) });
      toast(`${made.metadata.name} is made`);
      go(link(namespace, "beads", made.metadata.name));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      paint(fault, error.message);
    } finally {
      submit.disabled = false;
    }
  };
  const form = h(
    "form",
    { onsubmit: send },
    labelled({ name: "title", label: "Title", required: true, hint: "One line that says what is to be done." }),
    labelled({ name: "description", label: "Description", kind: "area", hint: "The work in full, as the agent will read it." }),
    h(
      "div",
      { class: "pair" },
      labelled({ name: "type", label: "Type", kind: "select", options: ["task", "subtask", "epic", "question"].map((name) => [name]) }),
      labelled({ name: "priority", label: "Priority", kind: "select", value: "P2", options: ["P0", "P1", "P2", "P3", "P4"].map((name) => [name]) }),
      labelled({ name: "parent", label: "Parent", value: query.get("parent") ?? "", hint: "Name of its epic or task." }),
    ),
    h(
      "div",
      { class: "pair" },
      labelled({ name: "dependsOn", label: "Depends on", hint: "Names, with commas between." }),
      labelled({ name: "capabilities", label: "Capabilities", hint: "What a Worker must be able to do." }),
    ),
    labelled({ name: "criteria", label: "Acceptance criteria", kind: "area", hint: "One a line, for the agent and for people." }),
    labelled({ name: "verify", label: "Verify commands", kind: "area", hint: "One a line, run in the worktree; every one must exit 0." }),
    labelled({ name: "hold", label: "Do not start it yet", kind: "check" }),
    fault,
    h("div", { class: "buttons" }, submit),
  );
  paint(root, heading("New bead"), h("div", { class: "card form-page" }, form));
}

/** @param {Record<string, string>} given */
function wish(given) {
  const words = (/** @type {string} */ name) => (given[name] ?? "").split(/[\s,]+/).filter(Boolean);
  const rows = (/** @type {string} */ name) => (given[name] ?? "").split("\n").map((row) => row.trim()).filter(Boolean);
  /** @type {Record<string, unknown>} */
  const spec = { title: given["title"]?.trim(), type: given["type"], priority: given["priority"] };
  if (given["description"]) spec["description"] = given["description"];
  if (given["parent"]?.trim()) spec["parent"] = given["parent"].trim();
  if (words("dependsOn").length) spec["dependsOn"] = words("dependsOn");
  if (words("capabilities").length) spec["capabilities"] = words("capabilities");
  const acceptance = { criteria: rows("criteria"), verify: rows("verify") };
  if (acceptance.criteria.length || acceptance.verify.length) spec["acceptance"] = acceptance;
  if (given["hold"] === "true") spec["desired"] = "Hold";
  return { spec };
}
