// Who is signed in. The refresh token is in localStorage, since it must outlive the tab; the short-lived access token in the tab's
// sessionStorage.
//
// A refresh token works once, and using one twice ends the whole session. So only one tab at a time renews (a Web Lock), it
// reads the token inside the lock, asks the other tabs first, and tells them what it got. A page that is left while the answer is on
// its way has kept the key of that exchange: the next page tries the same exchange again.
import { onceKey } from "./once.js";
import { offline, problemOf } from "./problem.js";

const KEY = "livecore.session";
const DEVICE_KEY = "livecore.device";
// Renewed this long before its end, so that no request is sent with a token that dies on the way.
const MARGIN_MS = 30_000;
const ACCESS_KEY = "livecore.access";
// How long the other tabs have to answer whether one of them has an access token.
const PEERS_MS = 80;

const channel = new BroadcastChannel("livecore.session");
const watchers = new Set();
let access = JSON.parse(sessionStorage.getItem(ACCESS_KEY) ?? "null"); // { token, until_ms } or null
let renewing = null;

const read = () => JSON.parse(localStorage.getItem(KEY) ?? "null");
const write = (value) => (value ? localStorage.setItem(KEY, JSON.stringify(value)) : localStorage.removeItem(KEY));

channel.onmessage = ({ data }) => {
  if (data.ask && fresh()) channel.postMessage({ access });
  if (data.access) hold(data.access);
  if (data.ended) hold(null);
  if (data.ended || data.account) for (const watcher of watchers) watcher(data.account ?? null);
};

export const account = () => read()?.account ?? null;
export const signedIn = () => read() !== null;

/** `watcher(account | null)` at each sign-in, change and sign-out, in any tab. */
export function watchSession(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

const tell = (value) => watchers.forEach((watcher) => watcher(value));

/** This browser profile, as one device; the same for all its tabs and sessions. */
export function device() {
  let id = localStorage.getItem(DEVICE_KEY);
  if (!id) localStorage.setItem(DEVICE_KEY, (id = onceKey()));
  return { id, name: deviceName() };
}

function deviceName() {
  const agent = navigator.userAgent;
  const browser = ["Firefox", "Edg", "Chrome", "Safari"].find((name) => agent.includes(name)) ?? "Browser";
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux"].find((name) => agent.includes(name)) ?? "web";
  return `${browser === "Edg" ? "Edge" : browser}, ${system}`;
}

function hold(value) {
  access = value;
  if (value) sessionStorage.setItem(ACCESS_KEY, JSON.stringify(value));
  else sessionStorage.removeItem(ACCESS_KEY);
}

const fresh = (refused = null) => access !== null && access.token !== refused && access.until_ms - MARGIN_MS > Date.now();

function keep(tokens) {
  hold({ token: tokens.access, until_ms: Date.now() + tokens.expires_in * 1000 });
  channel.postMessage({ access });
}

export function begin({ account: who, tokens }) {
  write({ account: who, refresh: tokens.refresh });
  keep(tokens);
  channel.postMessage({ account: who });
  tell(who);
}

/** Fresh facts on oneself, after an edit or a verification. */
export function updateAccount(who) {
  const held = read();
  if (!held) return;
  write({ ...held, account: { ...held.account, ...who } });
  channel.postMessage({ account: { ...held.account, ...who } });
  tell({ ...held.account, ...who });
}

export function end() {
  if (!read() && !access) return;
  write(null);
  hold(null);
  channel.postMessage({ ended: true });
  tell(null);
}

/** The access token, renewed where it has to be; null when nobody is signed in. */
export async function token({ renew = false } = {}) {
  if (!signedIn()) return null;
  if (!renew && fresh()) return access.token;
  renewing ??= exclusively(refresh, renew ? access?.token : null).finally(() => (renewing = null));
  return renewing;
}

// Web Locks need a secure context; without them the tabs of a plain-http origin renew each for itself.
const exclusively = (work, argument) =>
  navigator.locks ? navigator.locks.request("livecore.refresh", () => work(argument)) : work(argument);

async function refresh(refused) {
  // Another tab may have renewed while this one waited for the lock.
  if (!fresh(refused)) {
    channel.postMessage({ ask: true });
    await new Promise((resolve) => setTimeout(resolve, PEERS_MS));
  }
  if (fresh(refused)) return access.token;
  const held = read();
  if (!held) return null;
  if (!held.exchange) write({ ...held, exchange: (held.exchange = onceKey()) });
  const response = await fetch("/api/v1/sessions/refresh", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": held.exchange },
    body: JSON.stringify({ refresh: held.refresh }),
  }).catch(() => {
    throw offline();
  });
  if (response.status === 401 || response.status === 403) {
    end();
    return null;
  }
  if (!response.ok) throw await problemOf(response);
  const body = await response.json();
  const tokens = body.tokens ?? body;
  write({ ...read(), refresh: tokens.refresh, exchange: undefined });
  keep(tokens);
  return access.token;
}
