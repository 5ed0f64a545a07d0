/** Light, dark, or as the system has it. */

/** @typedef {"auto" | "light" | "dark"} Theme */
const KEY = "ringmaster.theme";

/** @returns {Theme} */
export function theme() {
  const found = document.documentElement.dataset["theme"];
  return found === "light" || found === "dark" ? found : "auto";
}

/** @param {Theme} wanted */
export function setTheme(wanted) {
  if (wanted === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
  keep(KEY, wanted === "auto" ? null : wanted);
}

/**
 * Keep a choice in this browser; null forgets it. A browser that keeps nothing is no fault.
 * @param {string} key
 * @param {string | null} value
 */
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Private windows may refuse.
  }
}

/** @param {string} key */
export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
