/**
 * Changes as server-sent events, one stream of a tab: it comes again by itself and goes on where it was.
 *
 * A browser has six connections to a host, for all tabs together, so a tab that nobody sees gives its one up.
 */

import { address } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const HIDDEN_FOR = 20000;
/** The operator says something every 15 seconds: who hears nothing for longer has lost it. */
const SILENT_FOR = 45000;

/** @typedef {"connecting" | "live" | "offline" | "paused" | "ended"} State */

export class Stream {
  /**
   * @param {string} path Below /api/v1/.
   * @param {(event: string, data: any) => void} heard
   * @param {(state: State, why: string) => void} became
   */
  constructor(path, heard, became) {
    this.path = path;
    this.heard = heard;
    this.became = became;
    this.last = "";
    this.wait = FIRST_WAIT;
    this.stopped = false;
    /** @type {AbortController | null} */
    this.connection = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.looked = () => this.visible();
    document.addEventListener("visibilitychange", this.looked);
    addEventListener("online", this.looked);
    // The page that is about to be shown says first what it wants to be told.
    queueMicrotask(() => this.stopped || this.connection !== null || this.open());
  }

  /**
   * Be told something else, from where it is.
   * @param {string} path
   */
  ask(path) {
    if (path === this.path) return;
    this.path = path;
    if (this.connection === null || this.connection.signal.aborted || this.stopped) return;
    this.connection.abort();
    void this.open();
  }

  close() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.looked);
    removeEventListener("online", this.looked);
    this.connection?.abort();
  }

  visible() {
    clearTimeout(this.timer);
    if (document.hidden) {
      this.timer = setTimeout(() => {
        this.connection?.abort();
        this.became("paused", "");
      }, HIDDEN_FOR);
    } else if (this.connection === null || this.connection.signal.aborted) {
      this.wait = FIRST_WAIT;
      this.open();
    }
  }

  async open() {
    const connection = new AbortController();
    this.connection = connection;
    let why = "the operator does not answer";
    try {
      /** @type {Record<string, string>} */
      const headers = this.last ? { "Last-Event-ID": this.last } : {};
      const answer = await fetch(address(this.path), { headers, signal: connection.signal });
      if (!answer.ok || !answer.body) {
        const problem = await answer.json().catch(() => ({}));
        why = problem.detail ?? why;
        if ([400, 401, 403, 404, 422].includes(answer.status)) return this.end(why);
      } else {
        this.wait = FIRST_WAIT;
        this.became("live", "");
        await this.read(answer.body);
        why = "";
      }
    } catch {
      // Gone or never there: the same either way.
    }
    if (this.stopped || connection.signal.aborted) return undefined;
    this.connection = null;
    return this.again(why);
  }

  /** @param {string} why */
  again(why) {
    if (why) this.became("offline", why);
    else this.became("connecting", "");
    this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  /** @param {string} why */
  end(why) {
    this.became("ended", why);
    this.close();
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async read(body) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const silent = setTimeout(() => void reader.cancel().catch(() => undefined), SILENT_FOR);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) this.event(part);
    }
  }

  /** @param {string} text */
  event(text) {
    let name = "message";
    let data = "";
    for (const line of text.split("\n")) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
      else if (line.startsWith("id: ")) this.last = line.slice(4);
    }
    if (!data) return;
    const parsed = JSON.parse(data);
    if (name === "end") this.end(parsed.detail ?? "");
    else this.heard(name, parsed);
  }
}
