/**
 * Elements from code. Text becomes text nodes and nothing else: what agents and people wrote cannot become markup.
 */

/** @typedef {Node | string | number | false | null | undefined | Child[]} Child */
/** @typedef {Record<string, any>} Props */

const SVG = "http://www.w3.org/2000/svg";
/** What must be set as a property to have an effect after the first time. */
const LIVE = new Set(["value", "checked", "indeterminate", "selected", "open"]);
/** @type {WeakMap<Element, Record<string, any>>} Handlers by event, as a repainted element takes them over. */
const handlers = new WeakMap();
/** @type {WeakMap<Element, {look: string, make: () => Element}>} Stand in for what is made only where it is needed. */
const standIns = new WeakMap();
/** @type {WeakMap<Element, string>} What an element showed that such a one has made. */
const looks = new WeakMap();
const STANDS_IN = "data-stands-in";

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props | null} [props] `class`, attributes, `onclick` and so on; false, null and undefined are left out.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const made = document.createElement(tag);
  fill(made, props, children);
  return made;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, props, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  fill(made, props, children);
  return made;
}

/**
 * @param {Element} made
 * @param {Props | null | undefined} props
 * @param {Child[]} children
 */
function fill(made, props, children) {
  // Children first: a select takes its value only once it has that option.
  add(made, children);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) listen(made, name, value);
    else if (LIVE.has(name)) /** @type {any} */ (made)[name] = value;
    else if (name === "href") made.setAttribute("href", safe(String(value)));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Element} parent
 * @param {Child[]} children
 */
function add(parent, children) {
  for (const child of children) {
    if (child === false || child === null || child === undefined) continue;
    if (Array.isArray(child)) add(parent, child);
    else parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {any} handler
 */
function listen(element, name, handler) {
  /** @type {any} */ (element)[name] = handler;
  handlers.set(element, { ...handlers.get(element), [name]: handler });
}

/**
 * An address that a link may have: of the web or of ours. Everything else leads nowhere.
 * @param {string} address
 */
export function safe(address) {
  if (/^(\/(?!\/)|#|\?|blob:)/.test(address)) return address;
  try {
    return ["http:", "https:"].includes(new URL(address).protocol) ? address : "#";
  } catch {
    return "#";
  }
}

/**
 * Something to be painted that is made only where it looks different from what is in the page.
 * @param {string} tag
 * @param {string} key As `data-key`; the one that is made gets it.
 * @param {string} look All that it shows.
 * @param {() => Element} make
 */
export function settled(tag, key, look, make) {
  const made = document.createElement(tag);
  made.setAttribute("data-key", key);
  made.setAttribute(STANDS_IN, "");
  standIns.set(made, { look, make });
  return made;
}

/**
 * @param {Element} standIn
 * @param {(made: Element) => Element} put Into the page; returns the one that is there.
 */
function settle(standIn, put) {
  const { look, make } = /** @type {{look: string, make: () => Element}} */ (standIns.get(standIn));
  const made = make();
  made.setAttribute("data-key", standIn.getAttribute("data-key") ?? "");
  looks.set(put(made), look);
}

/**
 * Make what is in an element what it should be, in place: focus, scroll and what is being typed stay.
 * @param {Element} element
 * @param {...Child} children
 */
export function paint(element, ...children) {
  const wanted = document.createElement("div");
  add(wanted, children);
  morphChildren(element, wanted);
}

/**
 * The same for an element itself: it becomes what another of its kind is, which is used up by that.
 * @param {Element} element
 * @param {Element} next
 */
export function renew(element, next) {
  morph(element, next);
}

/**
 * @param {Element} old
 * @param {Element} next
 */
function morphChildren(old, next) {
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const child of old.children) {
    const key = child.getAttribute("data-key");
    if (key !== null) keyed.set(key, child);
  }
  let at = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = wanted instanceof Element ? wanted.getAttribute("data-key") : null;
    let found = key === null ? at : keyed.get(key) ?? null;
    if (key === null && found instanceof Element && found.hasAttribute("data-key")) found = null;
    if (found !== null && alike(found, wanted)) {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      morph(found, wanted);
    } else {
      old.insertBefore(wanted, at);
      if (wanted instanceof Element) fulfil(wanted);
    }
  }
  while (at !== null) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** @param {Element} root Where others may stand in, or one that does. */
function fulfil(root) {
  const all = root.hasAttribute(STANDS_IN) ? [root] : root.querySelectorAll(`[${STANDS_IN}]`);
  for (const standIn of all) {
    settle(standIn, (made) => {
      standIn.replaceWith(made);
      fulfil(made);
      return made;
    });
  }
}

/**
 * @param {Node} old
 * @param {Node} next
 */
function alike(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return false;
  if (!(old instanceof Element) || !(next instanceof Element)) return true;
  return old.getAttribute("data-key") === next.getAttribute("data-key") && old.id === next.id;
}

/**
 * @param {Node} old
 * @param {Node} next
 */
function morph(old, next) {
  if (!(old instanceof Element) || !(next instanceof Element)) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  const standIn = standIns.get(next);
  if (standIn !== undefined) {
    if (looks.get(old) === standIn.look) return;
    settle(next, (made) => {
      morph(old, made);
      return old;
    });
    return;
  }
  looks.delete(old);
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = handlers.get(old) ?? {};
  const after = handlers.get(next) ?? {};
  for (const name of Object.keys(before)) if (!(name in after)) /** @type {any} */ (old)[name] = null;
  for (const [name, handler] of Object.entries(after)) /** @type {any} */ (old)[name] = handler;
  handlers.set(old, after);
  if (!(old instanceof HTMLTextAreaElement)) morphChildren(old, next);
  keep(old, next);
}

/**
 * Carry over what attributes do not say, unless the person is at it.
 * @param {Element} old
 * @param {Element} next
 */
function keep(old, next) {
  if (old === document.activeElement) return;
  if (old instanceof HTMLInputElement && next instanceof HTMLInputElement) {
    if (old.value !== next.value) old.value = next.value;
    old.checked = next.checked;
    old.indeterminate = next.indeterminate;
  } else if (old instanceof HTMLSelectElement && next instanceof HTMLSelectElement) {
    old.value = next.value;
  }
}
