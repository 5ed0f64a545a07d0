/** Calls of /api/v1: the session's CSRF header, keys for what is sent again, problems as errors with their text. */

const BASE = "/api/v1/";

/** What the API refused, in words for people. */
export class Problem extends Error {
  /**
   * @param {number} status 0: nobody answered.
   * @param {string} code
   * @param {string} detail
   * @param {number} [retryAfter] In seconds.
   */
  constructor(status, code, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Nobody is there, or not yet: the same call may do in a while. */
  get passing() {
    return this.status === 0 || this.status === 503 || this.status === 502 || this.status === 504;
  }
}

let csrf = "";
/** @type {(() => void) | null} */
let signedOut = null;

/** @param {string} token As getMe gives it. */
export function setCsrf(token) {
  csrf = token;
}

/** @param {() => void} then Called when a call finds that nobody is signed in. */
export function onSignedOut(then) {
  signedOut = then;
}

/**
 * @typedef {object} Options
 * @property {string} [method]
 * @property {Record<string, string | number | boolean | string[] | null | undefined>} [query]
 * @property {unknown} [body]
 * @property {string} [match] The version that a change is of, without quotation marks, or *.
 * @property {AbortSignal} [signal]
 * @property {boolean} [quiet] A 401 is an answer like any other.
 */

/**
 * The body of an answer; throws Problem.
 * @param {string} path Below /api/v1/.
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function call(path, options = {}) {
  const answer = await send(path, options);
  if (answer.status === 204) return null;
  return (answer.headers.get("content-type") ?? "").includes("json") ? answer.json() : answer.text();
}

/**
 * The answer itself; throws Problem unless it is a good one.
 * @param {string} path
 * @param {Options & {headers?: Record<string, string>}} [options]
 */
export async function send(path, options = {}) {
  const { method = "GET", body, match, signal } = options;
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...options.headers };
  if (method !== "GET") headers["X-Ringmaster-CSRF"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (match !== undefined) headers["If-Match"] = match === "*" ? "*" : `"${match}"`;
  if (method === "POST" && path.startsWith("namespaces/")) headers["Idempotency-Key"] = crypto.randomUUID();
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(address(path, options.query), {
      method,
      headers,
      signal: signal ?? null,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "offline", "the operator does not answer");
  }
  if (!answer.ok) throw await refused(answer, options.quiet === true);
  return answer;
}

/**
 * @param {string} path
 * @param {Options["query"]} [query]
 */
export function address(path, query) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) for (const one of value) parts.append(name, one);
    else if (value !== undefined && value !== null && value !== "") parts.append(name, String(value));
  }
  const text = parts.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

/**
 * @param {Response} answer
 * @param {boolean} quiet
 */
async function refused(answer, quiet) {
  const body = await answer.json().catch(() => ({}));
  const after = Number(answer.headers.get("retry-after")) || undefined;
  const detail = body.detail ?? `the operator answered ${answer.status}`;
  if (answer.status === 401 && !quiet) signedOut?.();
  return new Problem(answer.status, body.code ?? "", detail, after);
}

/**
 * Every item of a list, page by page.
 * @param {string} path
 * @param {Options} options
 * @param {(items: any[]) => void} took Called with each page.
 */
export async function pages(path, options, took) {
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await call(path, { ...options, query: { ...options.query, limit: 500, cursor } });
    took(page.items);
    cursor = page.next;
  } while (cursor !== undefined && cursor !== null && !options.signal?.aborted);
}

/**
 * The first items of a list, and whether there are more.
 * @param {string} path
 * @param {Options} options
 * @param {number} wanted
 * @returns {Promise<{items: any[], more: boolean}>}
 */
export async function upTo(path, options, wanted) {
  const items = [];
  let cursor = "";
  do {
    const found = await call(path, { ...options, query: { ...options.query, limit: Math.min(500, wanted - items.length), cursor } });
    items.push(...found.items);
    cursor = found.next ?? "";
  } while (cursor && items.length < wanted);
  return { items, more: cursor !== "" };
}

/** @param {string[]} parts A path of parts that people named. */
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}
