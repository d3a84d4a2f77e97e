// The room of a live: its lines, who watches, reactions, and the place to say something. Used by the host and by viewers.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber } from "../core/times.js";
import { complain } from "../core/toast.js";
import { emit, linkState, on } from "../realtime/link.js";
import { avatar } from "../parts/avatar.js";
import { floats } from "./floats.js";

// Older lines leave the page: nobody scrolls back an hour, and the page stays light.
const LINES_KEPT = 200;
// Who of one's friends watches is asked when the count moves, no more often than this, and this many are named.
const FRIENDS_EVERY_MS = 10_000;
const FRIENDS_NAMED = 3;
const REACTIONS = ["❤️", "👏", "😂", "🔥"];

/**
 * Joins the live's room until `life` ends. `onviewers(count)`, `onpublications(list)` and `onended(data)` tell the page around it.
 * Answers the element of the room.
 */
export function room(live, { life, onviewers, onended, onpublications, extra = [] }) {
  const lines = h("div", { class: "lines", role: "log", "aria-label": t.live.chat, tabindex: "0" });
  const shower = floats();
  const input = h("input", { class: "input", name: "line", maxlength: 300, placeholder: t.live.say, "aria-label": t.live.say, autocomplete: "off", enterkeyhint: "send" });
  const react = h("button", { class: "icon-button", type: "button", "aria-label": t.live.react }, icon("heart"));
  const send = h("button", { class: "icon-button", type: "submit", "aria-label": t.live.send }, icon("send"));
  const count = h("span", { class: "soft small" });
  const form = h("form", { class: "say" }, input, send, react, ...extra);
  const seen = new Set();
  // One's own reactions rise at once; the counts that come from the server have them too.
  const own = {};

  const add = (line) => {
    if (seen.has(line.id)) return;
    seen.add(line.id);
    const low = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 60;
    lines.append(h("div", { class: "line" }, avatar({ username: line.sender }), h("span", { class: "said" }, h("span", { class: "who" }, line.sender), line.body)));
    while (lines.children.length > LINES_KEPT) lines.firstElementChild.remove();
    if (low) lines.scrollTop = lines.scrollHeight;
  };
  let watching = 0;
  let friends = [];
  let asked = -Infinity;
  const showCount = () => {
    count.textContent = t.live.watching(shortNumber(watching), friends.slice(0, FRIENDS_NAMED), friends.length - FRIENDS_NAMED);
  };
  const askFriends = async () => {
    if (performance.now() - asked < FRIENDS_EVERY_MS) return;
    asked = performance.now();
    friends = (await emit("live:friends", { live: live.id })).users;
    showCount();
  };
  const viewers = (number) => {
    watching = number;
    showCount();
    onviewers?.(number);
    askFriends().catch(() => null);
  };

  async function join() {
    const state = await emit("live:join", { live: live.id });
    for (const line of state.messages) add(line);
    viewers(state.viewers);
    onpublications?.(state.publications);
  }
  const here = (handler) => (data) => data.live === live.id && handler(data);
  on("live:message", here(add), life);
  on("live:viewers", here((data) => viewers(data.viewers)), life);
  on("live:reactions", here(({ reactions }) => shower.add(without(reactions, own))), life);
  on("live:ended", here((data) => onended?.(data)), life);
  on("link", (state) => state === "on" && join().catch(complain), life);
  if (linkState() === "on") join().catch(complain);
  life.addEventListener("abort", () => emit("live:leave", { live: live.id }).catch(() => null));

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
  react.addEventListener("click", () => {
    const kind = REACTIONS[turn++ % REACTIONS.length];
    shower.add({ [kind]: 1 });
    own[kind] = (own[kind] ?? 0) + 1;
    emit("live:react", { live: live.id, emoji: kind }).catch(complain);
  });

  return h("section", { class: "room", "aria-label": t.live.chat }, h("div", { class: "room-head" }, t.live.chat, count), lines, form, shower.node);
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
