// The room of a live: its lines, who watches, reactions, and the place to say something. Used by the host and by viewers.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { lives } from "../api/index.js";
import { account } from "../core/session.js";
import { emit, linkState, on } from "../realtime/link.js";
import { pressing } from "../messages/bubble.js";
import { avatar } from "../parts/avatar.js";
import { menu } from "../parts/sheet.js";
import { floats } from "./floats.js";

// Older lines leave the page: nobody scrolls back an hour, and the page stays light.
const LINES_KEPT = 200;
// Who of one's friends watches is asked when the count moves, no more often than this, and this many are named.
const FRIENDS_EVERY_MS = 10_000;
const FRIENDS_NAMED = 3;
// Long enough to think, short enough to come back.
const MUTE_S = 600;
// The server tells reactions at most twice a second, and takes so many of a kind at once.
const TAPS_MS = 500;
const TAPS_AT_ONCE = 20;
const REACTIONS = ["❤️", "👏", "😂", "🔥"];

/**
 * Joins the live's room until `life` ends. `onviewers(count, friends)`, `onpublications(list)` and `onended(data)` tell the page around it.
 * Answers the element of the room, with `close()` for when the live is over.
 */
export function room(live, { life, onviewers, onended, onpublications, extra = [] }) {
  const lines = h("div", { class: "lines", role: "log", "aria-label": t.live.chat, tabindex: "0" });
  const shower = floats();
  const input = h("input", { class: "input", name: "line", maxlength: 300, placeholder: t.live.say, "aria-label": t.live.say, autocomplete: "off", enterkeyhint: "send" });
  const react = h("button", { class: "icon-button", type: "button", "aria-label": t.live.react }, icon("heart"));
  const send = h("button", { class: "icon-button", type: "submit", "aria-label": t.live.send }, icon("send"));
  const count = h("span", { class: "soft small" });
  const form = h("form", { class: "say" }, input, send, react, ...extra);
  const pinned = h("div", { class: "line pinned", role: "note", "aria-label": t.live.order.pinned, hidden: true });
  const seen = new Set();
  // One's own reactions rise at once; the counts that come from the server have them too.
  const own = {};

  const add = (line) => {
    if (seen.has(line.id)) return;
    seen.add(line.id);
    const low = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 60;
    const node = h("div", { class: "line", data: { line: line.id } }, avatar({ username: line.sender }), h("span", { class: "said" }, h("span", { class: "who" }, line.sender), line.body));
    pressing(node, () => order(line));
    lines.append(node);
    while (lines.children.length > LINES_KEPT) lines.firstElementChild.remove();
    if (low) lines.scrollTop = lines.scrollHeight;
  };
  let watching = 0;
  let friends = [];
  let asked = -Infinity;
  const showCount = () => {
    count.textContent = t.live.watching(shortNumber(watching), friends.slice(0, FRIENDS_NAMED), friends.length - FRIENDS_NAMED);
    onviewers?.(watching, friends);
  };
  const askFriends = async () => {
    if (performance.now() - asked < FRIENDS_EVERY_MS) return;
    asked = performance.now();
    friends = (await emit("live:friends", { live: live.id })).users;
    showCount();
  };
  let role = "viewer";
  const drop = (id) => lines.querySelector(`[data-line="${id}"]`)?.remove();
  const pin = (line) => {
    pinned.hidden = !line;
    pinned.replaceChildren(icon("pin", 16), h("span", { class: "said" }, h("span", { class: "who" }, line?.sender ?? ""), line?.body ?? ""));
    pinned.dataset.id = line?.id ?? "";
  };

  /** What may be done with a line: by its author, and by host and moderators with whoever said it. */
  function order(line) {
    const words = t.live.order;
    const mine = line.sender === account()?.username;
    const keeps = role !== "viewer";
    if (!mine && !keeps) return;
    const say = (work) => () => Promise.resolve(work()).then(() => toast(words.done), complain);
    const restrict = (kind, more) => say(() => lives.restrict(live.id, line.sender, kind, more));
    const isPinned = pinned.dataset.id === line.id;
    menu(
      words.title(line.sender),
      [
        keeps && { icon: "pin", label: isPinned ? words.unpin : words.pin, onclick: say(() => emit("live:pin", { live: live.id, id: isPinned ? null : line.id })) },
        { icon: "trash", label: words.remove, danger: true, onclick: say(() => emit("live:delete", { live: live.id, id: line.id })) },
        keeps && !mine && { icon: "micOff", label: words.mute, onclick: restrict("muted", { duration: MUTE_S }) },
        keeps && !mine && { icon: "signOut", label: words.kick, onclick: restrict("kicked") },
        keeps && !mine && { icon: "block", label: words.ban, danger: true, onclick: restrict("banned") },
        role === "host" && !mine && { icon: "shield", label: words.appoint, onclick: say(() => lives.appoint(live.id, line.sender, true)) },
      ],
      life,
    );
  }
  const viewers = (number) => {
    watching = number;
    showCount();
    askFriends().catch(() => null);
  };

  async function join() {
    const state = await emit("live:join", { live: live.id });
    for (const line of state.messages) add(line);
    role = state.role;
    pin(state.pinned);
    viewers(state.viewers);
    onpublications?.(state.publications);
  }
  const here = (handler) => (data) => data.live === live.id && handler(data);
  on("live:message", here(add), life);
  on("live:viewers", here((data) => viewers(data.viewers)), life);
  on("live:reactions", here(({ reactions }) => shower.add(without(reactions, own))), life);
  on("live:pinned", here(({ line }) => pin(line)), life);
  on("live:removed", here(({ id }) => drop(id)), life);
  on("live:role", here((data) => {
    role = data.role;
    if (role === "moderator") toast(t.live.order.moderator, { icon: "shield" });
  }), life);
  on("live:restricted", here(({ kind, on: holds }) => {
    if (!holds) return;
    toast(t.live.order.you[kind], { bad: true });
    if (kind !== "muted") onended?.({ live: live.id, reason: kind });
  }), life);
  on("live:ended", here((data) => onended?.(data)), life);
  on("link", (state) => state === "on" && join().catch(complain), life);
  if (linkState() === "on") join().catch(complain);
  life.addEventListener("abort", () => {
    sendTaps();
    emit("live:leave", { live: live.id }).catch(() => null);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = input.value.trim();
    if (!body) return;
    input.value = "";
    try {
      await emit("live:say", { live: live.id, body });
    } catch (error) {
      input.value ||= body;
      complain(error);
    }
  });
  let turn = 0;
  // A quick thumb taps ten times a second: one event says so for half a second of them.
  let taps = {};
  let tapsDue = null;
  function sendTaps() {
    clearTimeout(tapsDue);
    tapsDue = null;
    const all = Object.entries(taps);
    taps = {};
    for (const [emoji, count] of all) emit("live:react", { live: live.id, emoji, count }).catch(complain);
  }
  react.addEventListener("click", () => {
    const kind = REACTIONS[turn++ % REACTIONS.length];
    shower.add({ [kind]: 1 });
    own[kind] = (own[kind] ?? 0) + 1;
    taps[kind] = Math.min((taps[kind] ?? 0) + 1, TAPS_AT_ONCE);
    tapsDue ??= setTimeout(sendTaps, TAPS_MS);
  });

  const node = h("section", { class: "room", "aria-label": t.live.chat }, h("div", { class: "room-head" }, t.live.chat, count), pinned, lines, form, shower.node);
  /** What was said stays to be read; nothing can be said any more. */
  node.close = () => {
    form.remove();
    count.textContent = "";
  };
  return node;
}

/** The counts less what is already shown; what was taken off is forgotten. */
function without(counts, shown) {
  const rest = {};
  for (const [kind, count] of Object.entries(counts)) {
    const off = Math.min(count, shown[kind] ?? 0);
    shown[kind] = (shown[kind] ?? 0) - off;
    if (count > off) rest[kind] = count - off;
  }
  return rest;
}
