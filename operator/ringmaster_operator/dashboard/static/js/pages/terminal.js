/** What a session shows, live; typing into it for who may. */

import { call, path } from "../core/api.js";
import { h, paint } from "../core/dom.js";
import { ago } from "../core/format.js";
import { Stream } from "../core/watch.js";
import { button, chip, heading, workerLink } from "../parts/bits.js";
import { empty, loading } from "../parts/states.js";
import { attempt } from "../parts/toast.js";

/**
 * @typedef {{text: string, color?: string, background?: string, bold?: boolean, dim?: boolean, italic?: boolean,
 *   underline?: boolean, strike?: boolean, reverse?: boolean}} Run
 * @typedef {{line: number, column: number} | null | undefined} Cursor
 * @typedef {{state: string, live: boolean, runtime: string, typing: {allowed: boolean, why: string}, cursor: Cursor,
 *   lines: Run[][], at: string}} Screen
 * @typedef {{drop: number, total: number, changed: [number, Run[]][], cursor: Cursor, state: string, live: boolean,
 *   at: string}} Change
 */

const LINES = 400;
const STYLES = /** @type {const} */ (["bold", "dim", "italic", "underline", "strike", "reverse"]);
/** @type {Record<string, string>} Keys of the browser by their names for the terminal. */
const KEYS = {
  Enter: "Enter", Escape: "Escape", Tab: "Tab", Backspace: "BSpace", Delete: "Delete", ArrowUp: "Up", ArrowDown: "Down",
  ArrowLeft: "Left", ArrowRight: "Right", Home: "Home", End: "End",
};

/** @param {import("../core/router.js").Context} context */
export function terminalPage({ root, namespace, params, title, signal }) {
  const worker = params["name"] ?? "";
  const session = params["session"] ?? "";
  title(session);
  const at = path("namespaces", namespace, "workers", worker, "sessions", session);
  const view = new View(`${at}/keys`);
  const head = h("div", null);
  const body = h("div", null, loading("the session"));
  root.append(head, body);
  /** @type {Screen | null} */
  let screen = null;
  let away = "";
  const draw = () => {
    paint(head, heading(session, screen?.typing.allowed && button(view.typing ? "Type no more" : "Type into it", () => (view.type(!view.typing), draw()), { "aria-pressed": String(view.typing) })),
      screen && h("p", { class: "meta bead-line" }, chip(screen.state.charAt(0).toUpperCase() + screen.state.slice(1)), h("span", null, "of ", workerLink(namespace, worker)), h("span", null, screen.runtime), h("span", null, "as of ", ago(screen.at)), !screen.typing.allowed && h("span", null, `read only: ${screen.typing.why}`), view.typing && h("span", null, "Shift+Escape leaves it"), away && h("span", { class: "chip is-warning" }, away)));
  };
  const stream = new Stream(`${at}/screen/watch?lines=${LINES}`, (name, data) => {
    if (name === "screen") {
      screen = data;
      view.show(data);
      if (!view.element.isConnected) body.replaceChildren(view.element);
      view.toEnd();
    } else if (name === "change" && screen) {
      Object.assign(screen, { state: data.state, live: data.live, at: data.at });
      view.change(data);
    }
    draw();
  }, (state, why) => {
    away = state === "offline" ? "not live, trying again" : state === "ended" ? why : "";
    if (why && screen === null) body.replaceChildren(empty(state === "ended" ? "Not there" : "Not to be seen", why));
    draw();
  });
  signal.addEventListener("abort", () => stream.close());
  view.left = draw;
  draw();
}

/** The lines of a terminal. Each is an element, so that only those that changed are made anew. */
class View {
  /** @param {string} keys Where what is typed goes. */
  constructor(keys) {
    this.keys = keys;
    this.typing = false;
    this.left = () => {};
    /** @type {Run[][]} */
    this.lines = [];
    /** @type {Cursor} */
    this.cursor = null;
    /** @type {Promise<unknown>} What was typed goes in order. */
    this.sent = Promise.resolve();
    /** Where the end was: who has scrolled away from it reads. */
    this.followed = 0;
    this.element = h("div", {
      class: "terminal", tabindex: "0", role: "region", "aria-label": "Terminal", onkeydown: (/** @type {KeyboardEvent} */ event) => this.pressed(event),
      onpaste: (/** @type {ClipboardEvent} */ event) => this.pasted(event),
    });
  }

  /** @param {Screen} screen */
  show(screen) {
    this.lines = screen.lines;
    this.cursor = screen.cursor;
    this.element.replaceChildren(...this.lines.map((runs, at) => this.line(runs, at)));
  }

  /** @param {Change} change */
  change({ drop, total, changed, cursor }) {
    const follows = Math.abs(this.element.scrollTop - this.followed) < 40;
    const before = this.cursor?.line;
    this.lines.splice(0, drop);
    for (let at = 0; at < drop; at++) this.element.firstElementChild?.remove();
    while (this.lines.length > total) {
      this.lines.pop();
      this.element.lastElementChild?.remove();
    }
    this.cursor = cursor;
    for (const [at, runs] of changed) this.put(at, runs);
    for (const at of [before === undefined ? -1 : before - drop, cursor?.line ?? -1]) {
      const runs = this.lines[at];
      if (runs) this.put(at, runs);
    }
    if (follows) this.toEnd();
  }

  /** @param {number} at @param {Run[]} runs */
  put(at, runs) {
    while (this.lines.length < at) {
      this.lines.push([]);
      this.element.append(this.line([], this.lines.length - 1));
    }
    this.lines[at] = runs;
    const made = this.line(runs, at);
    const old = this.element.children[at];
    if (old) old.replaceWith(made);
    else this.element.append(made);
  }

  /** @param {Run[]} runs @param {number} at */
  line(runs, at) {
    const column = this.cursor?.line === at ? this.cursor.column : -1;
    return h("div", { class: "terminal-line" }, runs.length || column >= 0 ? cursored(runs, column).map(([run, here]) => span(run, here)) : "\u00a0");
  }

  toEnd() {
    // Below the last line there is the rest of the terminal, empty.
    let at = this.cursor?.line ?? 0;
    this.lines.forEach((runs, number) => runs.some(({ text }) => text.trim()) && (at = Math.max(at, number)));
    const last = this.element.children[at];
    if (last instanceof HTMLElement) this.element.scrollTop = last.offsetTop + last.offsetHeight + 12 - this.element.clientHeight;
    this.followed = this.element.scrollTop;
  }

  /** @param {boolean} wanted */
  type(wanted) {
    this.typing = wanted;
    this.element.classList.toggle("is-typing", wanted);
    if (wanted) this.element.focus();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (!this.typing || event.isComposing || event.metaKey) return;
    if (event.key === "Escape" && event.shiftKey) {
      this.type(false);
      this.left();
    } else if (event.ctrlKey && !event.altKey && /^[a-z]$/i.test(event.key) && event.key.toLowerCase() !== "v") {
      this.send({ key: `C-${event.key.toLowerCase()}` });
    } else if (KEYS[event.key]) {
      this.send({ key: KEYS[event.key] });
    } else if (event.key.length === 1 && !event.ctrlKey) {
      this.send({ text: event.key });
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {ClipboardEvent} event */
  pasted(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!this.typing || !text) return;
    event.preventDefault();
    this.send({ text: text.slice(0, 4096) });
  }

  /** @param {{text?: string, key?: string | undefined}} body */
  send(body) {
    this.sent = this.sent.then(() => attempt(() => call(this.keys, { method: "POST", body })));
  }
}

/**
 * The runs of a line, cut where the cursor is.
 * @param {Run[]} runs
 * @param {number} column Below 0: it is elsewhere.
 * @returns {[Run, boolean][]}
 */
function cursored(runs, column) {
  if (column < 0) return runs.map((run) => [run, false]);
  /** @type {[Run, boolean][]} */
  const cut = [];
  let left = column;
  for (const run of runs) {
    const letters = [...run.text];
    if (left < 0 || left >= letters.length) {
      cut.push([run, false]);
    } else {
      cut.push([{ ...run, text: letters.slice(0, left).join("") }, false], [{ ...run, text: letters[left] ?? " " }, true], [{ ...run, text: letters.slice(left + 1).join("") }, false]);
    }
    left -= letters.length;
  }
  if (left >= 0) cut.push([{ text: " ".repeat(left) }, false], [{ text: " " }, true]);
  return cut.filter(([run]) => run.text !== "");
}

/** @param {Run} run @param {boolean} here Whether the cursor is on it. */
function span(run, here) {
  const classes = [...STYLES.filter((name) => run[name]).map((name) => `t-${name}`), here && "t-cursor"];
  const made = h("span", null, run.text);
  for (const [name, value] of /** @type {const} */ ([["color", run.color], ["backgroundColor", run.background]])) {
    if (value === undefined) continue;
    if (value.startsWith("#")) made.style[name] = value;
    else classes.push(`${name === "color" ? "t-fg" : "t-bg"}-${value}`);
  }
  made.className = classes.filter(Boolean).join(" ");
  return made;
}
