// Who of those one talks with is here now. One connection watches one list: what pages wish for is put together.
import { emit, linkState, on } from "../realtime/link.js";

const WAIT_MS = 200;
const states = new Map(); // username → "online" | "away" | "busy" | "offline"
const wanted = new Set();
const watchers = new Set();
let due = 0;

const tell = () => watchers.forEach((watcher) => watcher());

function take({ user, status }) {
  states.set(user, status);
  tell();
}

function subscribe() {
  clearTimeout(due);
  due = setTimeout(async () => {
    if (linkState() !== "on" || !wanted.size) return;
    const answer = await emit("presence:subscribe", { users: [...wanted].slice(-500) }).catch(() => null);
    for (const one of answer?.users ?? []) states.set(one.user, one.status);
    tell();
  }, WAIT_MS);
}

on("presence:update", take);
on("link", (state) => state === "on" && subscribe());

export const stateOf = (username) => states.get(username) ?? "offline";

/** Watch these people; `changed()` is called when something is known of anybody. */
export function watch(usernames, changed, life) {
  const before = wanted.size;
  for (const one of usernames) if (one) wanted.add(one);
  if (wanted.size > before) subscribe();
  if (watchers.has(changed)) return;
  watchers.add(changed);
  life.addEventListener("abort", () => watchers.delete(changed));
}
