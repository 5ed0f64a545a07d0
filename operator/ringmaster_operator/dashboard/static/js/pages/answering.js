/** Answering a question: a click where there are options, words where there are none. */

import { act } from "../core/acts.js";
import { h } from "../core/dom.js";
import { may } from "../core/who.js";
import { button } from "../parts/bits.js";
import { ask } from "../parts/dialog.js";
import { attempt } from "../parts/toast.js";

/**
 * @param {string} namespace
 * @param {string} name
 * @param {string[]} options
 * @param {() => void} then
 */
export function answers(namespace, name, options, then) {
  if (!may("contributor", namespace)) return null;
  const decide = async (/** @type {string} */ answer) => {
    if (await attempt(() => act(namespace, name, "decide", { answer }), `Answered: ${answer}`)) then();
  };
  const words = async () => {
    const fields = [{ name: "answer", label: "Answer", kind: /** @type {const} */ ("area"), required: true }];
    const done = await ask({ title: `Answer ${name}`, fields, submit: "Answer", act: ({ answer }) => act(namespace, name, "decide", { answer }) });
    if (done) then();
  };
  if (!options.length) return h("div", { class: "actions" }, button("Answer…", () => void words()));
  return h("div", { class: "actions" }, options.map((option) => button(option, () => void decide(option))));
}
