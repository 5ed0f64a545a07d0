/** Short words about what was done, read out to who does not see them. */

import { Problem } from "../core/api.js";
import { h } from "../core/dom.js";

const SECONDS = 6;
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** Where they are shown. */
export const toasts = () => region;

/**
 * @param {string} text
 * @param {"good" | "bad"} [kind]
 * @param {{label: string, act: () => void}} [offer]
 */
export function toast(text, kind = "good", offer) {
  const close = () => shown.remove();
  const act = offer && (() => (close(), offer.act()));
  const shown = h(
    "div",
    { class: `toast ${kind}` },
    h("span", null, text),
    offer && h("button", { class: "quiet", type: "button", onclick: act }, offer.label),
    h("button", { class: "quiet", type: "button", "aria-label": "Dismiss", onclick: close }, "✕"),
  );
  region.append(shown);
  setTimeout(close, (kind === "bad" ? 2 : 1) * SECONDS * 1000);
}

/**
 * Do something and say how it went; false where it did not.
 * @template T
 * @param {() => Promise<T>} act
 * @param {string} [said]
 * @returns {Promise<T | false>}
 */
export async function attempt(act, said) {
  try {
    const answer = await act();
    if (said) toast(said);
    return answer;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 401) toast(error.message, "bad");
    return false;
  }
}
