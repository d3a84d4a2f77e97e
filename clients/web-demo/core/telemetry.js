// What this page tells of itself: which pages are opened, how fast they are, and what went wrong. In memory until it is sent, in
// batches, and only as far as the person's settings allow: without their word nothing is noted down, and nothing is asked of the server.
import { get, onceKey, post } from "./http.js";
import { account, signedIn, watchSession } from "./session.js";

// A batch is sent when it is so large, or so old; the server takes at most 100 events in one.
const BATCH = 20;
const WAIT_MS = 60_000;
// What waits while the server cannot be reached. The oldest go when more comes.
const QUEUE_LIMIT = 100;
// A page that breaks again and again has said so.
const CRASHES_LIMIT = 10;
const TEXT_LIMIT = 2000;
const STACK_LIMIT = 8000;
const KEY = "livecore.controls";
// So old may be what is known of the settings: they may have been changed on another device. The server looks each time.
const KNOWN_MS = 3_600_000;

let queue = [];
let timer = null;
let crashes = 0;
let page = "nowhere";
const once = new Set();

/** What the settings allow, for all tabs: `{usage, performance, crash}`, or null while it is not known. */
function allowed() {
  const held = JSON.parse(localStorage.getItem(KEY) ?? "null");
  return held && held.account === account()?.id && Date.now() - held.at_ms < KNOWN_MS ? held.kinds : null;
}

/** The settings as they stand: what they no longer allow is thrown away. Answers what it was given. */
export function learn(settings) {
  const { restrict, usage_data, diagnostics } = settings.values;
  const kinds = { usage: usage_data && !restrict, performance: usage_data && !restrict, crash: diagnostics && !restrict };
  localStorage.setItem(KEY, JSON.stringify({ account: account()?.id, at_ms: Date.now(), kinds }));
  queue = queue.filter((one) => kinds[one.kind]);
  return settings;
}

function note(kind, name, data) {
  if (!signedIn() || allowed()?.[kind] === false) return;
  queue = [...queue, { id: onceKey(), kind, name, at: Date.now(), data }].slice(-QUEUE_LIMIT);
  if (queue.length >= BATCH) send().catch(() => null);
  else timer ??= setTimeout(() => send().catch(() => null), WAIT_MS);
}

async function send() {
  clearTimeout(timer);
  timer = null;
  if (!queue.length || !signedIn()) return void (queue = []);
  if (!allowed()) learn(await get("me/settings"));
  await give();
}

async function give({ keepalive = false } = {}) {
  const events = queue;
  queue = [];
  if (!events.length) return;
  try {
    const { dropped } = await post("telemetry", { events }, { keepalive });
    // Switched off elsewhere meanwhile: ask before the next one.
    if (dropped) localStorage.removeItem(KEY);
  } catch (error) {
    // A refusal is final; without a network the next batch takes them along. An id counts once.
    if (error.type === "network") queue = [...events, ...queue].slice(-QUEUE_LIMIT);
  }
}

/** `route` is the pattern of a path, `/watch/{live}`: whose page or which live it was is told to nobody. */
export function opened(route) {
  page = route ? `page:${route.replaceAll(/\{(\w+)\}/g, ":$1")}` : "page:nowhere";
  once.clear();
  note("usage", page, {});
}

/** The page has drawn what it is for, so long after it was asked for; `cold` with the loading of the document. */
export const drawn = (ms, cold) => note("performance", page, { ms: Math.round(ms), cold });

/** From the wish to see something to its first picture; once for each page. `what` is "live" or "video". */
export function firstPicture(what, ms, data = {}) {
  if (once.has(what)) return;
  once.add(what);
  note("performance", `first-picture:${what}`, { ms: Math.round(ms), ...data });
}

/** An error that nobody caught. What it may hold of people goes before it is even noted down. */
export function crashed(error) {
  if (crashes++ < CRASHES_LIMIT) note("crash", page, { message: scrubbed(error?.message ?? error).slice(0, TEXT_LIMIT), stack: scrubbed(error?.stack).slice(0, STACK_LIMIT) });
}

// Addresses lose their host and what follows a ? or #; then ids, mail addresses, @names and long numbers go.
const scrubbed = (text) =>
  String(text ?? "")
    .replaceAll(location.origin, "")
    .replaceAll(/[?#][^\s:)]*/g, "")
    .replaceAll(/[\w.+-]+@[\w.-]+|@\w+/g, "@…")
    .replaceAll(/\b[0-9a-f]{16,}\b/gi, "…")
    .replaceAll(/\+?\d[\d ()/-]{6,}\d/g, "…");

/** From here on errors are noted down, and what waits goes out when the page is left. */
export function startTelemetry() {
  watchSession((who) => who || (queue = []));
  addEventListener("error", (event) => event.error && crashed(event.error));
  addEventListener("unhandledrejection", ({ reason }) => !reason?.type && reason?.name !== "AbortError" && crashed(reason));
  // There is no time left to ask: without knowing the settings nothing goes.
  addEventListener("pagehide", () => signedIn() && allowed() && give({ keepalive: true }));
}
