/** How a graph is looked at: nearer, farther, all of it, and moved by hand. The picture scrolls in its frame. */

import { bind } from "../core/keys.js";

const NEAREST = 2;
const FARTHEST = 0.08;
const STEP = 1.35;
/** Pixels that a hand may tremble: less is a click. */
const TREMBLE = 4;
/** Pixels of the frame that are not the picture's: its padding and border. */
const PADDING = 34;

export class View {
  /**
   * @param {() => HTMLElement | null} frame What scrolls.
   * @param {() => void} draw
   * @param {AbortSignal} signal Of the page.
   */
  constructor(frame, draw, signal) {
    this.frame = frame;
    this.draw = draw;
    this.scale = 1;
    this.width = 1;
    this.height = 1;
    /** @type {{x: number, y: number, left: number, top: number, moved: boolean} | null} */
    this.held = null;
    bind("+", "Graph: nearer", () => this.zoom(1), signal);
    bind("-", "Graph: farther", () => this.zoom(-1), signal);
    bind("0", "Graph: all of it", () => this.fit(), signal);
    addEventListener("pointermove", (event) => this.move(event), { signal });
    addEventListener("pointerup", () => this.let(), { signal });
  }

  /** @param {number} by Steps; what is in the middle stays there. */
  zoom(by) {
    this.become(this.scale * STEP ** by);
  }

  /** All of it at once, not larger than life. */
  fit() {
    const frame = this.frame();
    if (!frame) return;
    const most = innerHeight * 0.68 - PADDING;
    this.become(Math.min(1, (frame.clientWidth - PADDING) / this.width, most / this.height));
  }

  /** @param {number} scale */
  become(scale) {
    const frame = this.frame();
    const before = this.scale;
    this.scale = Math.max(FARTHEST, Math.min(NEAREST, scale));
    if (!frame) return;
    const [x, y] = [(frame.scrollLeft + frame.clientWidth / 2) / before, (frame.scrollTop + frame.clientHeight / 2) / before];
    this.draw();
    frame.scrollTo({ left: x * this.scale - frame.clientWidth / 2, top: y * this.scale - frame.clientHeight / 2, behavior: "instant" });
  }

  /** What the frame needs to be taken by a mouse; fingers scroll it anyway. */
  props() {
    return {
      onpointerdown: (/** @type {PointerEvent} */ event) => this.take(event),
      ondragstart: (/** @type {Event} */ event) => event.preventDefault(),
      onclick: (/** @type {Event} */ event) => {
        if (this.dragged) event.preventDefault();
        this.dragged = false;
      },
    };
  }

  /** Whether the last press was a pull, of which no click may come. */
  dragged = false;

  /** @param {PointerEvent} event */
  take(event) {
    const frame = this.frame();
    this.dragged = false;
    if (!frame || event.button !== 0 || event.pointerType !== "mouse") return;
    this.held = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop, moved: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const frame = this.frame();
    if (!this.held || !frame) return;
    const [across, down] = [event.clientX - this.held.x, event.clientY - this.held.y];
    if (!this.held.moved && Math.hypot(across, down) < TREMBLE) return;
    this.held.moved = true;
    this.dragged = true;
    frame.classList.add("is-held");
    frame.scrollTo({ left: this.held.left - across, top: this.held.top - down, behavior: "instant" });
  }

  let() {
    this.frame()?.classList.remove("is-held");
    this.held = null;
  }
}
