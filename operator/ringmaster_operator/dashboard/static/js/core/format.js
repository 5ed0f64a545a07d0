/** Numbers and times for people: in their language and zone, the exact moment always at hand. */

import { h } from "./dom.js";

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD" });
const cents = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { month: "2-digit", day: "2-digit" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} Units and their seconds. */
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

/** @param {number | null | undefined} value */
export const count = (value) => whole.format(value ?? 0);
/** @param {number | null | undefined} value */
export const compact = (value) => short.format(value ?? 0);
/**
 * A number of things: 1 event, 2 events.
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (value, one, many = `${one}s`) => `${whole.format(value)} ${value === 1 ? one : many}`;
/** @param {number | null | undefined} value US dollars. */
export const usd = (value) => (value && Math.abs(value) < 0.1 ? cents : dollars).format(value ?? 0);
/** @param {number | null | undefined} share 0 to 1. */
export const percent = (share) => `${Math.round((share ?? 0) * 100)} %`;
/** @type {Map<string, string>} Moments in words: putting one into words takes longer than a row of a table. */
const moments = new Map();
/** @param {string} at */
export function moment(at) {
  let words = moments.get(at);
  if (words === undefined) {
    words = exact.format(new Date(at));
    if (moments.size >= 10000) moments.clear();
    moments.set(at, words);
  }
  return words;
}
/** @param {string} at The day, in few letters. */
export const day = (at) => calendar.format(new Date(at));
/** @param {string} at */
export const hour = (at) => clock.format(new Date(at));

/**
 * How long something took or takes.
 * @param {number} seconds
 */
export function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60 ? `${left % 60} s` : ""}`.trim();
  if (left < 86400) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
}

/**
 * @param {string} from
 * @param {string | null | undefined} [to] Until then; until now when absent.
 */
export function between(from, to) {
  return duration(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000);
}

/**
 * How long something has lasted, for who looks all day: words that change once a minute.
 * @param {string} from
 */
export function roughly(from) {
  const seconds = (Date.now() - Date.parse(from)) / 1000;
  return seconds < 60 ? "under a minute" : duration(seconds - (seconds % 60));
}

/**
 * A moment as time that goes by, with the exact one in its title.
 * @param {string | null | undefined} at RFC 3339.
 */
export function ago(at) {
  if (!at) return "–";
  return h("time", { datetime: at, title: moment(at), "data-ago": true }, inWords(at));
}

/** @param {string} at */
function inWords(at) {
  const seconds = (Date.parse(at) - Date.now()) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 5 ? relative.format(Math.round(seconds), "second") : "just now";
}

/** Let times that are on the page go by. */
export function startClock() {
  setInterval(() => {
    for (const found of document.querySelectorAll("time[data-ago]")) {
      const text = inWords(found.getAttribute("datetime") ?? "");
      if (found.textContent !== text) found.textContent = text;
    }
  }, 15000);
}

/**
 * What a word of the API is to people: NeedsDecision → Needs decision.
 * @param {string} word
 */
export function spaced(word) {
  const parts = word.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return parts.charAt(0).toUpperCase() + parts.slice(1);
}

/** @param {string} text What the operator says in small letters, as a sentence. */
export const sentence = (text) => (text ? text.charAt(0).toUpperCase() + text.slice(1) : "");
