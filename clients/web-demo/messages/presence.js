// Who of those one talks with is here now. One connection watches one list: what pages wish for is put together.
import { emit, linkState, on } from "../realtime/link.js";

const WAIT_MS = 200;
const states = new Map(); // username → "online" | "away" | "busy" | "offline"
const words = new Map(); // username → what they wrote beside it
const wanted = new Set();
const watchers = new Set();
let due = 0;

const tell = () => watchers.forEach((watcher) => watcher());

function keep({ user, status, text }) {
  states.set(user, status);
  words.set(user, text);
}

function take(one) {
  keep(one);
  tell();
}

function subscribe() {
  clearTimeout(due);
  due = setTimeout(async () => {
    if (linkState() !== "on" || !wanted.size) return;
    const answer = await emit("presence:subscribe", { users: [...wanted].slice(-500) }).catch(() => null);
    for (const one of answer?.users ?? []) keep(one);
    tell();
  }, WAIT_MS);
}

on("presence:update", take);
on("link", (state) => state === "on" && subscribe());

export const stateOf = (username) => states.get(username) ?? "offline";
export const wordsOf = (username) => words.get(username) ?? null;

/** Watch these people; `changed()` is called when something is known of anybody. */
export function watch(usernames, changed, life) {
  const before = wanted.size;
  for (const one of usernames) if (one) wanted.add(one);
  if (wanted.size > before) subscribe();
  if (watchers.has(changed)) return;
  watchers.add(changed);
  life.addEventListener("abort", () => watchers.delete(changed));
}
