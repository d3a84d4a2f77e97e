// The live link to the server, shared by all tabs of this browser profile, which is one device.
//
// One tab leads: it holds the Web Lock and the one socket. The others call through it over a BroadcastChannel and hear what it
// hears. When the leading tab goes, the lock passes on and the next one connects; calls without an answer are sent again.
import { fromDocument, offline } from "../core/problem.js";
import { signedIn, watchSession } from "../core/session.js";
import { connect } from "./socket.js";

const CALL_TIMEOUT_MS = 15_000;
const channel = new BroadcastChannel("livecore.link");
const handlers = new Map(); // event name → Set of functions
const firsts = new Map(); // event name → the leader's own handler, run before anybody hears of the event
const calls = new Map(); // call id → { event, data, resolve, reject, timer }
let socket = null; // the connection, in the leading tab alone
let release = null; // gives leadership up
let state = "off"; // "off" | "on"
let callCount = 0;
const tab = String(Math.random()).slice(2);

export const linkState = () => state;

/** `handler(data)` for each event of that name; "link" tells the state, "link:lead" that this tab has connected. */
export function on(event, handler, life) {
  if (!handlers.has(event)) handlers.set(event, new Set());
  handlers.get(event).add(handler);
  life?.addEventListener("abort", () => handlers.get(event).delete(handler));
}

/** In the leading tab, `handler(data)` runs to its end before any tab hears of the event. One handler for each name. */
export const first = (event, handler) => firsts.set(event, handler);

/** A client event; answers the acknowledgement's data, throws a Problem. */
export function emit(event, data = {}) {
  if (socket) return socket.emit(event, data);
  return new Promise((resolve, reject) => {
    const id = `${tab}.${++callCount}`;
    const timer = setTimeout(() => (calls.delete(id), reject(offline())), CALL_TIMEOUT_MS);
    calls.set(id, { event, data, resolve, reject, timer });
    channel.postMessage({ call: id, event, data });
  });
}

/** Tells this tab and all others. */
export function announce(event, data) {
  tell(event, data);
  channel.postMessage({ event, data });
}

function tell(event, data) {
  if (event === "link") state = data;
  for (const handler of handlers.get(event) ?? []) handler(data);
}

channel.onmessage = async ({ data: { call, answer, event, data, error, ask } }) => {
  if (answer) settle(answer, data, error);
  else if (call && socket) {
    const reply = await socket.emit(event, data).then(
      (result) => ({ data: result }),
      (problem) => ({ error: problem.body ?? { type: problem.type } }),
    );
    channel.postMessage({ answer: call, ...reply });
  } else if (ask && socket) channel.postMessage({ event: "link", data: state });
  else if (event) {
    tell(event, data);
    if (event === "link" && data === "on") for (const [id, one] of calls) channel.postMessage({ call: id, event: one.event, data: one.data });
  }
};

function settle(id, data, error) {
  const waiting = calls.get(id);
  if (!waiting) return;
  calls.delete(id);
  clearTimeout(waiting.timer);
  if (error) waiting.reject(fromDocument(error));
  else waiting.resolve(data);
}

// Events are taken one after the other, so that a later one never overtakes an earlier one that is still being kept.
let line = Promise.resolve();
function heard(name, data) {
  line = line
    .then(async () => {
      await firsts.get(name)?.(data);
      if (name === "connect") announce("link", "on");
      else if (name === "disconnect") announce("link", "off");
      else announce(name, data);
    })
    .catch((error) => console.warn("event", name, error.message));
}

async function lead() {
  socket = await connect(heard);
  for (const [id, one] of calls) socket.emit(one.event, one.data).then((data) => settle(id, data), (error) => settle(id, null, error.body ?? {}));
  await new Promise((resolve) => (release = resolve));
  socket.close();
  socket = null;
  announce("link", "off");
}

let wanting = false;
async function want() {
  if (wanting) return;
  wanting = true;
  channel.postMessage({ ask: true });
  // Without Web Locks (a plain-http origin) each tab has a connection of its own, as the same device.
  await (navigator.locks ? navigator.locks.request("livecore.link", () => signedIn() && lead()) : lead());
  wanting = false;
}

/** Connects while somebody is signed in. */
export function startLink() {
  if (signedIn()) want();
  watchSession((account) => {
    if (account) want();
    else release?.();
  });
}
