/** Which beads a graph shows and where: what is waited for at the left, what waits at the right. Pure. */

/** @typedef {import("../core/types.js").BeadInfo} BeadInfo */
/**
 * @typedef {{name: string, bead: BeadInfo, inside: number, x: number, y: number, critical: boolean, looped: boolean}} Node
 * @typedef {{from: string, to: string, critical: boolean, lends: boolean, looped: boolean}} Edge
 * @typedef {{nodes: Node[], edges: Edge[], width: number, height: number, loops: string[][], left: number}} Layout
 */

export const NODE = { width: 190, height: 46, across: 70, down: 14 };
export const MOST = 400;
const ENDED = new Set(["Succeeded", "Failed", "Cancelled"]);

/**
 * @param {BeadInfo[]} beads
 * @param {{focus: string, epic: string, collapse: boolean, done: boolean}} how Of an epic: what is in it, and what that waits for or lets wait.
 * @returns {Layout}
 */
export function layout(beads, how) {
  const all = new Map(beads.map((bead) => [bead.name, bead]));
  const inner = how.epic ? within(beads, how.epic) : null;
  const shown = (/** @type {BeadInfo} */ bead) => how.done || !ENDED.has(bead.phase) || bead.name === how.focus;
  const home = (/** @type {string} */ name) => (how.collapse ? epicOf(name, all) : name);
  /** @type {Map<string, Set<string>>} By a bead, those that wait for it. */
  const after = new Map();
  /** @type {Map<string, number>} */
  const inside = new Map();
  for (const bead of beads.filter(shown)) {
    const own = home(bead.name);
    if (!after.has(own)) after.set(own, new Set());
    if (own !== bead.name) inside.set(own, (inside.get(own) ?? 0) + 1);
    for (const name of bead.dependsOn) {
      const other = all.get(name);
      if (other === undefined || !shown(other) || home(name) === own) continue;
      if (!after.has(home(name))) after.set(home(name), new Set());
      after.get(home(name))?.add(own);
    }
  }
  keep(after, how.focus ? near(after, home(how.focus)) : inner ? around(after, inner) : linked(after));
  const left = Math.max(0, after.size - MOST);
  if (left) keep(after, new Set(urgent([...after.keys()], all).slice(0, MOST)));
  const loops = cycles(after);
  const looped = new Set(loops.flat());
  const depth = depths(after, looped);
  const chain = longest(after, depth, looped);
  const nodes = place(after, depth).map(({ name, x, y }) => ({ name, x, y, bead: /** @type {BeadInfo} */ (all.get(name)), inside: inside.get(name) ?? 0, critical: chain.includes(name), looped: looped.has(name) }));
  const edges = [...after].flatMap(([from, others]) => [...others].map((to) => {
    const [one, other] = [all.get(from), all.get(to)];
    const at = chain.indexOf(from);
    return { from, to, critical: at >= 0 && chain[at + 1] === to, looped: looped.has(from) && looped.has(to), lends: one !== undefined && one.priority !== one.effectivePriority && one.effectivePriority === other?.effectivePriority };
  }));
  const far = Math.max(0, ...nodes.map(({ x }) => x));
  const low = Math.max(0, ...nodes.map(({ y }) => y));
  return { nodes, edges, loops, left, width: far + NODE.width + 4, height: low + NODE.height + 4 };
}

/**
 * Beads that nothing but this one keeps from being ready.
 * @param {BeadInfo[]} beads
 * @param {string} name
 */
export function released(beads, name) {
  return beads.filter(({ blockedBy }) => blockedBy.length === 1 && blockedBy[0] === name);
}

/** @param {string} name @param {Map<string, BeadInfo>} all */
function epicOf(name, all) {
  let found = name;
  const seen = new Set([name]);
  for (let at = all.get(name)?.parent; at !== undefined && !seen.has(at); at = all.get(at)?.parent) {
    seen.add(at);
    if (all.get(at)?.type === "epic") found = at;
  }
  return found;
}

/**
 * An epic and all that is in it, at any depth.
 * @param {BeadInfo[]} beads
 * @param {string} epic
 */
function within(beads, epic) {
  /** @type {Map<string, string[]>} */
  const children = new Map();
  for (const { name, parent } of beads) if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), name]);
  const names = new Set([epic]);
  const left = [epic];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    for (const child of children.get(name) ?? []) if (!names.has(child) && names.add(child)) left.push(child);
  }
  return names;
}

/** @param {Map<string, Set<string>>} after @param {Set<string>} inner Some, and their neighbours. */
function around(after, inner) {
  const names = new Set([...inner].filter((name) => after.has(name)));
  for (const [name, others] of after) {
    for (const other of others) {
      if (inner.has(name)) names.add(other);
      if (inner.has(other)) names.add(name);
    }
  }
  return names;
}

/** @param {string[]} names @param {Map<string, BeadInfo>} all The most urgent first. */
function urgent(names, all) {
  const key = (/** @type {string} */ name) => `${all.get(name)?.effectivePriority ?? "P9"} ${name}`;
  return names.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** @param {Map<string, Set<string>>} after @param {Set<string>} names */
function keep(after, names) {
  for (const [name, others] of after) {
    if (!names.has(name)) after.delete(name);
    else for (const other of others) if (!names.has(other)) others.delete(other);
  }
}

/** @param {Map<string, Set<string>>} after Those that wait or are waited for. */
function linked(after) {
  const names = new Set([...after].filter(([, others]) => others.size).map(([name]) => name));
  for (const others of after.values()) for (const other of others) names.add(other);
  return names;
}

/** @param {Map<string, Set<string>>} after @param {string} focus What it waits for, and what waits for it, all the way. */
function near(after, focus) {
  const before = reversed(after);
  const names = new Set([focus]);
  for (const way of [after, before]) {
    const left = [focus];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      for (const other of way.get(name) ?? []) if (!names.has(other) && names.add(other)) left.push(other);
    }
  }
  return names;
}

/** @param {Map<string, Set<string>>} after */
function reversed(after) {
  /** @type {Map<string, Set<string>>} */
  const before = new Map([...after.keys()].map((name) => [name, new Set()]));
  for (const [name, others] of after) for (const other of others) before.get(other)?.add(name);
  return before;
}

/**
 * Beads that wait for themselves, around some corners: what is left when all that do not are taken away.
 * @param {Map<string, Set<string>>} after
 */
function cycles(after) {
  const names = new Set(after.keys());
  const before = reversed(after);
  for (let less = true; less; ) {
    less = false;
    for (const name of names) {
      const comes = [...(before.get(name) ?? [])].some((other) => names.has(other));
      const goes = [...(after.get(name) ?? [])].some((other) => names.has(other));
      if (!comes || !goes) less = names.delete(name);
    }
  }
  return names.size ? [[...names]] : [];
}

/** @param {Map<string, Set<string>>} after @param {Set<string>} looped */
function depths(after, looped) {
  /** @type {Map<string, number>} */
  const depth = new Map([...after.keys()].map((name) => [name, 0]));
  const before = reversed(after);
  const waits = new Map([...before].map(([name, others]) => [name, [...others].filter((other) => !looped.has(other)).length]));
  const free = [...waits].filter(([, number]) => number === 0).map(([name]) => name);
  for (let name = free.shift(); name !== undefined; name = free.shift()) {
    if (looped.has(name)) continue;
    for (const other of after.get(name) ?? []) {
      depth.set(other, Math.max(depth.get(other) ?? 0, (depth.get(name) ?? 0) + 1));
      waits.set(other, (waits.get(other) ?? 1) - 1);
      if (waits.get(other) === 0) free.push(other);
    }
  }
  return depth;
}

/** @param {Map<string, Set<string>>} after @param {Map<string, number>} depth @param {Set<string>} looped */
function longest(after, depth, looped) {
  const before = reversed(after);
  let at = [...depth].filter(([name]) => !looped.has(name)).sort((one, other) => other[1] - one[1])[0]?.[0];
  const chain = at !== undefined && (depth.get(at) ?? 0) > 0 ? [at] : [];
  while (at !== undefined && (depth.get(at) ?? 0) > 0) {
    /** @type {number} */
    const wanted = (depth.get(at) ?? 0) - 1;
    at = [...(before.get(at) ?? [])].find((name) => depth.get(name) === wanted && !looped.has(name));
    if (at !== undefined) chain.unshift(at);
  }
  return chain;
}

/** @param {Map<string, Set<string>>} after @param {Map<string, number>} depth */
function place(after, depth) {
  const before = reversed(after);
  /** @type {Map<string, number>} */
  const rows = new Map();
  /** @type {string[][]} */
  const layers = [];
  for (const [name, at] of depth) (layers[at] ??= []).push(name);
  for (const layer of layers) {
    if (!layer) continue;
    const weight = (/** @type {string} */ name) => {
      const known = [...(before.get(name) ?? [])].map((other) => rows.get(other) ?? 0);
      return known.length ? known.reduce((sum, row) => sum + row, 0) / known.length : 1e6;
    };
    layer.map((name) => /** @type {const} */ ([name, weight(name)])).sort((one, other) => one[1] - other[1] || (one[0] < other[0] ? -1 : 1)).forEach(([name], row) => rows.set(name, row));
  }
  return [...depth].map(([name, at]) => ({ name, x: 2 + at * (NODE.width + NODE.across), y: 2 + (rows.get(name) ?? 0) * (NODE.height + NODE.down) }));
}
