/** Ctrl-K: go anywhere, do anything, by its name. */

import { call, path } from "../core/api.js";
import { h, paint } from "../core/dom.js";
import { go, link } from "../core/router.js";

/**
 * @typedef {object} Command
 * @property {string} label
 * @property {string} [hint]
 * @property {() => void} act
 */

const MOST = 12;
const WAIT = 150;

/**
 * @param {string} namespace
 * @param {Command[]} commands
 */
export function openPalette(namespace, commands) {
  if (document.querySelector("dialog.palette")) return;
  /** @type {Command[]} */
  let found = [];
  let chosen = 0;
  let asked = 0;
  const options = h("ul", { class: "plain options", role: "listbox", id: "palette-options", "aria-label": "Matches" });
  const search = h("input", {
    type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-options", "aria-autocomplete": "list",
    "aria-label": "Go to a page, a bead, or do something", placeholder: "Go to a page, a bead, or do something", autocomplete: "off", spellcheck: "false",
  });
  const dialog = h("dialog", { class: "palette", "aria-label": "Commands" }, search, options);
  const run = (/** @type {Command | undefined} */ command) => {
    dialog.close();
    command?.act();
  };
  const draw = () => {
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    search.setAttribute("aria-activedescendant", found.length ? `option-${chosen}` : "");
    paint(options, found.map((command, at) =>
      h("li", { role: "option", id: `option-${at}`, "aria-selected": String(at === chosen), onclick: () => run(command) }, h("span", null, command.label), h("span", { class: "hint" }, command.hint ?? ""))));
    options.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  };
  const look = () => {
    const words = search.value.trim().toLowerCase();
    const own = commands.filter(({ label }) => words.split(/\s+/).every((word) => label.toLowerCase().includes(word)));
    found = own.slice(0, MOST);
    chosen = 0;
    draw();
    if (words.length > 1 && namespace) beads(words, own);
  };
  const beads = (/** @type {string} */ words, /** @type {Command[]} */ own) => {
    const mine = ++asked;
    setTimeout(async () => {
      if (mine !== asked) return;
      const page = await call(`${path("namespaces", namespace)}/beads`, { query: { text: words, limit: MOST } }).catch(() => ({ items: [] }));
      if (mine !== asked) return;
      found = [...own, ...page.items.map((/** @type {import("../core/types.js").BeadInfo} */ bead) =>
        ({ label: bead.title, hint: bead.name, act: () => go(link(namespace, "beads", bead.name)) }))].slice(0, MOST);
      draw();
    }, WAIT);
  };
  search.oninput = look;
  search.onkeydown = (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      chosen = (chosen + step + found.length) % Math.max(found.length, 1);
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[chosen]);
    }
  };
  dialog.onclose = () => dialog.remove();
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  document.body.append(dialog);
  dialog.showModal();
  look();
}
