/** What this tab knows of the namespace it looks at: lists that the watch keeps true. */

import { pages, Problem } from "./api.js";
import { Stream } from "./watch.js";

/** @typedef {import("./types.js").BeadInfo} BeadInfo */
/** @typedef {import("./types.js").Worker} Worker */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./watch.js").State} State */

/** Milliseconds between two tellings of changes, at least: the operator tells of them five times a second at most. */
const CALM = 50;
/** The same while a long list comes in: its first page is told at once. */
const LOADING = 400;
/** Until the stream says no more what no page wants any more: the next page may want it again. */
const LINGER = 2000;

/**
 * Objects of one kind by name, loaded when a page first asks for them.
 * @template T
 */
export class Collection {
  /**
   * @param {string} path
   * @param {Record<string, string>} query
   * @param {(item: T) => {name: string, uid: string, version: string}} meta
   * @param {(names: string[] | null) => void} changed
   */
  constructor(path, query, meta, changed) {
    this.path = path;
    this.query = query;
    this.meta = meta;
    this.changed = changed;
    /** @type {Map<string, T>} */
    this.items = new Map();
    /** @type {"idle" | "loading" | "ready" | "failed"} */
    this.state = "idle";
    /** @type {Problem | null} */
    this.problem = null;
    /** @type {AbortController | null} */
    this.loading = null;
    /** @type {Set<string>} Uids that went while pages of the list were on their way. */
    this.gone = new Set();
    /** Ends with the last load that was begun; one that another takes over from ends at once. */
    this.loaded = Promise.resolve();
  }

  /** Load it unless that was done; changes tell when. */
  want() {
    if (this.state === "idle" || this.state === "failed") void this.load();
  }

  load() {
    this.loaded = this.fetch();
    return this.loaded;
  }

  async fetch() {
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    if (this.state !== "ready") this.state = "loading";
    this.problem = null;
    this.gone.clear();
    /** @type {Set<string>} */
    const seen = new Set();
    let told = -LOADING;
    try {
      await pages(this.path, { query: this.query, signal: loading.signal }, (items) => {
        if (loading.signal.aborted) return;
        for (const item of items) {
          seen.add(this.meta(item).name);
          this.put(item);
        }
        if (performance.now() - told < LOADING) return;
        told = performance.now();
        this.changed(null);
      });
    } catch (error) {
      if (loading.signal.aborted) return;
      this.problem = error instanceof Problem ? error : new Problem(0, "", String(error));
      if (this.state !== "ready") this.state = "failed";
      this.changed(null);
      return;
    }
    if (loading.signal.aborted) return;
    for (const [name, item] of this.items) {
      if (!seen.has(name) && !this.heard.has(this.meta(item).uid)) this.items.delete(name);
    }
    this.heard.clear();
    this.loading = null;
    this.state = "ready";
    this.changed(null);
  }

  /** Until all of them are there; throws Problem. */
  async whole() {
    this.want();
    for (let last; this.state === "loading" && last !== this.loaded; ) {
      last = this.loaded;
      await last;
    }
    if (this.problem) throw this.problem;
  }

  /** @type {Set<string>} Uids that the watch told of while the list was loading. */
  heard = new Set();

  /** @param {T} item */
  put(item) {
    const { name, uid, version } = this.meta(item);
    const known = this.items.get(name);
    if (this.gone.has(uid)) return false;
    if (known !== undefined && this.meta(known).uid === uid && Number(this.meta(known).version) >= Number(version)) return false;
    this.items.set(name, item);
    return true;
  }

  /** @param {{type: string, name: string, uid: string, object?: T}} event */
  apply(event) {
    if (this.state === "idle") return;
    if (this.loading) this.heard.add(event.uid);
    const known = this.items.get(event.name);
    if (event.type === "DELETED") {
      if (this.loading) this.gone.add(event.uid);
      if (known && this.meta(known).uid === event.uid) this.items.delete(event.name);
    } else if (event.object) {
      this.put(event.object);
    }
  }
}

/** One namespace. */
export class Project {
  /** @param {string} namespace */
  constructor(namespace) {
    this.namespace = namespace;
    const told = () => this.tell({ all: true });
    const at = `namespaces/${encodeURIComponent(namespace)}`;
    /** @type {Collection<BeadInfo>} */
    this.beads = new Collection(`${at}/beads`, { sort: "priority" }, (bead) => ({ name: bead.name, uid: bead.uid, version: bead.resourceVersion }), told);
    /** @type {Collection<Worker>} */
    this.workers = new Collection(`${at}/workers`, {}, ({ metadata }) => ({ name: metadata.name, uid: metadata.uid, version: metadata.resourceVersion }), told);
    /** @type {State} */
    this.state = "connecting";
    this.why = "";
    /** @type {Set<(change: Change) => void>} */
    this.listeners = new Set();
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    /** @type {Change} */
    this.pending = { beads: new Set(), workers: new Set(), events: [], all: false };
    this.scheduled = false;
    this.flushed = -CALM;
    this.watched = `${at}/watch?kinds=beads&kinds=workers&kinds=events`;
    /** @type {Set<(overview: any) => void>} Who follows how the namespace stands. */
    this.followers = new Set();
    this.stream = new Stream(this.watched, (name, data) => this.hear(name, data), (state, why) => this.become(state, why));
  }

  close() {
    this.stream.close();
    this.beads.loading?.abort();
    this.workers.loading?.abort();
    this.listeners.clear();
    this.watchers.clear();
    this.followers.clear();
  }

  /**
   * Be told what changed, five times a second at most.
   * @param {(change: Change) => void} listener
   * @param {AbortSignal} signal
   */
  onChange(listener, signal) {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener));
  }

  /**
   * @param {() => void} watcher Told when the stream comes or goes.
   * @param {AbortSignal} [signal]
   */
  onState(watcher, signal) {
    this.watchers.add(watcher);
    signal?.addEventListener("abort", () => this.watchers.delete(watcher));
  }

  /**
   * Be told how the namespace stands, whenever that changed: the stream says it as long as anybody wants it.
   * @param {(overview: any) => void} follower
   * @param {AbortSignal} signal
   */
  onOverview(follower, signal) {
    const ask = () => this.stream.ask(this.followers.size ? `${this.watched}&kinds=overview` : this.watched);
    this.followers.add(follower);
    ask();
    signal.addEventListener("abort", () => {
      this.followers.delete(follower);
      setTimeout(ask, LINGER);
    });
  }

  /**
   * @param {State} state
   * @param {string} why
   */
  become(state, why) {
    this.state = state;
    this.why = why;
    if (state === "live") for (const list of [this.beads, this.workers]) if (list.state === "failed") void list.load();
    for (const watcher of this.watchers) watcher();
  }

  /**
   * @param {string} name
   * @param {any} data
   */
  hear(name, data) {
    if (name === "bead") {
      this.beads.apply(data);
      this.tell({ bead: data.name });
    } else if (name === "worker") {
      this.workers.apply(data);
      this.tell({ worker: data.name });
    } else if (name === "event") {
      this.tell({ event: data.object });
    } else if (name === "overview") {
      for (const follower of this.followers) follower(data);
    } else if (name === "ready" || name === "reset") {
      for (const list of [this.beads, this.workers]) if (list.state !== "idle") void list.load();
      this.tell({ all: true });
    }
  }

  /** @param {{bead?: string, worker?: string, event?: import("./types.js").ObjectEvent, all?: boolean}} what */
  tell({ bead, worker, event, all }) {
    if (bead !== undefined) this.pending.beads.add(bead);
    if (worker !== undefined) this.pending.workers.add(worker);
    if (event !== undefined) this.pending.events.push(event);
    if (all) this.pending.all = true;
    if (this.scheduled) return;
    this.scheduled = true;
    // Frames stop in a tab that nobody sees; its title and counts go on.
    if (document.hidden) setTimeout(() => this.flush(), 250);
    else setTimeout(() => requestAnimationFrame(() => this.flush()), Math.max(0, this.flushed + CALM - performance.now()));
  }

  flush() {
    const change = this.pending;
    this.pending = { beads: new Set(), workers: new Set(), events: [], all: false };
    this.scheduled = false;
    for (const listener of this.listeners) listener(change);
    this.flushed = performance.now();
  }
}

/** @type {Project | null} */
let open = null;

/**
 * The project of a namespace; the one before is let go.
 * @param {string} namespace
 */
export function project(namespace) {
  if (open?.namespace === namespace) return open;
  open?.close();
  open = new Project(namespace);
  return open;
}

/** Let go of what is open: nobody is signed in any more. */
export function closeProject() {
  open?.close();
  open = null;
}
