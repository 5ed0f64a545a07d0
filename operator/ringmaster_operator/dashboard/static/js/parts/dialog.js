/** Questions of the page to the person: the browser's own dialogs, which keep the focus and close on Escape. */

import { Problem } from "../core/api.js";
import { h, paint } from "../core/dom.js";

/** @typedef {import("../core/dom.js").Child} Child */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "password" | "area" | "select" | "number" | "check"} [kind]
 * @property {string} [value]
 * @property {string[][]} [options] Values and labels.
 * @property {boolean} [required]
 * @property {string} [hint]
 * @property {string} [autocomplete]
 */

/** @param {Field} field */
export function input(field) {
  const { name, kind = "text", value, required } = field;
  const common = { id: `field-${name}`, name, required, "aria-describedby": field.hint && `hint-${name}` };
  if (kind === "area") return h("textarea", { ...common, rows: "5", value: value ?? "" });
  if (kind === "select") {
    return h("select", { ...common, value: value ?? field.options?.[0]?.[0] ?? "" }, (field.options ?? []).map(([key = "", text = key]) => h("option", { value: key }, text)));
  }
  if (kind === "check") return h("input", { ...common, type: "checkbox", checked: value === "true" });
  return h("input", { ...common, type: kind, value: value ?? "", autocomplete: field.autocomplete ?? "off", spellcheck: "false" });
}

/** @param {Field} field */
export function labelled(field) {
  return h(
    "div",
    { class: `field ${field.kind === "check" ? "check" : ""}` },
    h("label", { for: `field-${field.name}` }, field.label),
    input(field),
    field.hint && h("p", { class: "hint", id: `hint-${field.name}` }, field.hint),
  );
}

/**
 * What a form holds, by the names of its fields.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string>}
 */
export function values(form) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && element.type === "checkbox") found[element.name] = String(element.checked);
    else if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) found[element.name] = element.value;
  }
  return found;
}

/**
 * Ask for some values and act on them; it stays open, and says why, until that went well.
 * @param {{title: string, text?: Child, fields?: Field[], submit: string, danger?: boolean,
 *   act: (values: Record<string, string>) => Promise<unknown>}} what
 * @returns {Promise<boolean>} Whether it was done.
 */
export function ask(what) {
  return new Promise((resolve) => {
    let done = false;
    const fault = h("p", { class: "fault", role: "alert" });
    const submit = h("button", { class: what.danger ? "danger" : "primary", type: "submit" }, what.submit);
    const send = async (/** @type {Event} */ event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        await what.act(values(form));
        done = true;
        dialog.close();
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
      h("h2", { id: "dialog-title" }, what.title),
      what.text && h("p", null, what.text),
      (what.fields ?? []).map(labelled),
      fault,
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Never mind"), submit),
    );
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
    dialog.onclose = () => {
      dialog.remove();
      resolve(done);
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Show something over the page.
 * @param {string} title
 * @param {Child} content
 * @param {string} [kind]
 */
export function show(title, content, kind = "") {
  const close = h("button", { class: "quiet", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  const dialog = h("dialog", { class: kind, "aria-label": title }, h("div", { class: "card-head" }, h("h2", null, title), close), content);
  dialog.onclose = () => dialog.remove();
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
