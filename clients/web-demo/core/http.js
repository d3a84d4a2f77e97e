// Requests to the REST API: a token where there is one, one renewal on 401, problems as errors.
import { onceKey } from "./once.js";
import { offline, problemOf } from "./problem.js";
import { token } from "./session.js";

const BASE = "/api/v1";
const etags = new WeakMap();

/** The ETag under which a resource was read, for `If-Match`. */
export const tagOf = (resource) => etags.get(resource);

async function send(method, path, options, renew) {
  const headers = new Headers(options.headers);
  const bearer = options.public ? null : await token({ renew });
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  let body = options.body;
  if (body !== undefined && !(body instanceof Blob) && typeof body !== "string") {
    headers.set("Content-Type", "application/json");
    body = JSON.stringify(body);
  }
  if (options.once) headers.set("Idempotency-Key", options.once);
  const url = new URL(path.startsWith("/") ? path : `${BASE}/${path}`, location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) if (value) url.searchParams.set(name, value);
  return fetch(url, { method, headers, body, signal: options.signal, keepalive: options.keepalive }).catch((error) => {
    throw error.name === "AbortError" ? error : offline();
  });
}

/**
 * One request. `path` is below `/api/v1/`, or absolute when it begins with a slash.
 * Options: body, query, headers, once (idempotency key), public (no token), signal, keepalive (outlives the page).
 * Answers the Response; throws a Problem for 4xx, 5xx and a network that is away.
 */
export async function request(method, path, options = {}) {
  let response = await send(method, path, options, false);
  if (response.status === 401 && !options.public) response = await send(method, path, options, true);
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json(method, path, options) {
  const response = await request(method, path, options);
  if (response.status === 204) return null;
  const body = await response.json();
  const tag = response.headers.get("ETag");
  if (tag && body && typeof body === "object") etags.set(body, tag);
  return body;
}

const match = (resource) => (resource && tagOf(resource) ? { "If-Match": tagOf(resource) } : {});

export const get = (path, options) => json("GET", path, options);
export const post = (path, body, options) => json("POST", path, { ...options, body });
export const put = (path, body, options) => json("PUT", path, { ...options, body });
export const patch = (path, body, { of, ...options } = {}) =>
  json("PATCH", path, { ...options, body, headers: { ...match(of), ...options.headers } });
export const remove = (path, { of, ...options } = {}) =>
  json("DELETE", path, { ...options, headers: { ...match(of), ...options.headers } });

export { onceKey };
