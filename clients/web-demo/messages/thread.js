// One conversation: what is kept on this device, marks, typing, and the place to write.
import { conversations as api } from "../api/index.js";
import { fill, h, keyedList } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { ring } from "../calls/now.js";
import { back } from "../core/router.js";
import { t } from "../core/text.js";
import { dayName } from "../core/times.js";
import { complain } from "../core/toast.js";
import { linkState, on } from "../realtime/link.js";
import { nameOf } from "../parts/avatar.js";
import { iconButton } from "../parts/head.js";
import { act } from "../parts/person.js";
import { actsOf } from "./acts.js";
import { bubble } from "./bubble.js";
import { writer } from "./compose.js";
import { about, lasting } from "./about.js";
import * as history from "./history.js";
import { otherOf, pictureOf } from "./list.js";
import { markRead } from "./outbox.js";
import { stateOf, watch, wordsOf } from "./presence.js";

// "Typing" is taken back when nothing came for this long.
const TYPING_ENDS_MS = 5000;
const PAGE = 60;

export function thread(id, { life }) {
  let conversation = null;
  let limit = PAGE;
  const title = h("div", { class: "with" });
  const flow = h("div", { class: "thread", role: "log", "aria-label": t.messages.thread, tabindex: "0" });
  const list = h("div", { class: "thread-list" });
  list.style.display = "contents";
  const dots = h("div", { class: "typing", role: "status", "aria-label": t.messages.typing, hidden: true }, h("i", {}), h("i", {}), h("i", {}));
  const offline = h("div", { class: "offline-line", role: "status", hidden: true }, t.messages.offline);
  const asked = h("div", { class: "asked", hidden: true });
  const place = writer(id, life);
  const { node: compose, focus } = place;
  let expiry = 0;
  flow.append(list, dots);
  const calling = h("span", { class: "line-up", hidden: true }, [["phone", t.calls.voice, false], ["camera", t.calls.video, true]].map(([name, label, video]) => iconButton(name, label, () => ring(otherOf(conversation), video))));
  const actions = iconButton("more", t.more, () => about(conversation, (now) => drawHead(now ?? conversation), life));
  const node = h(
    "section",
    { class: "talk-chat" },
    h("header", { class: "page-head" }, iconButton("back", t.back, () => back("/messages"), { class: "icon-button up" }), title, calling, actions),
    offline,
    asked,
    flow,
    compose,
  );

  const atEnd = () => flow.scrollHeight - flow.scrollTop - flow.clientHeight < 80;
  const draw = keyedList(list, (row) => row.key, (row, before) => drawRow(row, before, conversation, (message) => actsOf(message, place, life)));

  async function refresh({ stay = false } = {}) {
    const follow = !stay && (atEnd() || !list.children.length);
    conversation = (await history.conversation(id)) ?? conversation;
    calling.hidden = conversation?.kind !== "direct" || Boolean(conversation.request);
    // What disappears by a timer is gone before anything is drawn.
    const next = conversation?.timer || conversation?.timed ? await history.purge(id) : null;
    const found = await history.messages(id, { limit });
    if (life.aborted) return;
    clearTimeout(expiry);
    if (next) expiry = setTimeout(() => refresh({ stay: true }).catch(complain), Math.min(next - Date.now() + 50, 2 ** 31 - 1));
    draw(rowsOf(found, conversation));
    if (!found.length) fill(list, h("p", { class: "day" }, conversation?.head ? t.messages.before : t.messages.first));
    if (follow) flow.scrollTop = flow.scrollHeight;
    if (!document.hidden) await markRead(id);
  }

  /** Somebody who is no friend yet: their first message waits for a yes, and so does one's own. */
  function drawRequest() {
    const state = conversation.request;
    asked.hidden = !state;
    compose.hidden = state === "asked" || conversation.silenced;
    if (conversation.silenced) {
      asked.hidden = false;
      return fill(asked, h("p", {}, t.messages.silenced));
    }
    const answer = (word, options) => act(t.messages.requests[word], async () => {
      await api.answer(id, word);
      if (word === "decline") return back("/messages");
      conversation = await api.one(id);
      drawRequest();
    }, options);
    fill(asked, h("p", {}, t.messages.requests[state]), state === "asked" && h("div", { class: "line-up" }, answer("decline"), answer("accept", { primary: true })));
  }

  flow.addEventListener("scroll", async () => {
    if (flow.scrollTop > 40 || list.children.length < limit) return;
    limit += PAGE;
    const height = flow.scrollHeight;
    await refresh({ stay: true });
    flow.scrollTop += flow.scrollHeight - height;
  });

  const link = h("a", { class: "with" });
  function drawHead(now) {
    conversation = now;
    const other = otherOf(conversation);
    const direct = conversation.kind === "direct";
    const state = direct ? stateOf(other.username) : "offline";
    const under = direct ? (state === "offline" ? other.username && `@${other.username}` : [t.messages.presence[state], wordsOf(other.username)].filter(Boolean).join(" · ")) : t.messages.kindOf[conversation.kind](conversation.members?.length ?? 0);
    if (direct && other.username) link.href = `/u/${other.username}`;
    fill(link, pictureOf(conversation), h("div", { class: "clip" }, h("h1", { class: "clip" }, nameOf(other)), under && h("div", { class: "soft small clip" }, under)), conversation.timer && h("span", { class: "tag" }, icon("timer", 16), lasting(conversation.timer)));
    if (direct) watch([other.username], showState, life);
    drawRequest();
  }
  const showState = () => conversation && drawHead(conversation);
  on("conversation:changed", ({ conversation: where }) => where === id && api.one(id).then((now) => drawHead({ ...conversation, ...now }), () => null), life);
  on("conversation:left", ({ conversation: where }) => where === id && back("/messages"), life);
  life.addEventListener("abort", () => clearTimeout(expiry));

  let quiet = 0;
  on("history", ({ conversation: changed }) => changed === id && refresh().catch(complain), life);
  on(
    "typing",
    ({ conversation: where, active, user }) => {
      if (where !== id) return;
      if (conversation?.kind === "group") dots.dataset.who = user;
      const follow = atEnd();
      dots.hidden = !active;
      clearTimeout(quiet);
      if (active) quiet = setTimeout(() => (dots.hidden = true), TYPING_ENDS_MS);
      if (follow) flow.scrollTop = flow.scrollHeight;
    },
    life,
  );
  on("history:new", ({ conversation: where }) => where === id && (dots.hidden = true), life);
  on("link", (state) => (offline.hidden = state === "on"), life);
  document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(complain), { signal: life });

  const ready = (async () => {
    conversation = await history.conversation(id);
    if (!conversation?.kind) conversation = await api.one(id);
    title.replaceWith(link);
    drawHead(conversation);
    await refresh();
    drawRequest();
    // What is kept may be old: the other one may have answered meanwhile.
    api.one(id).then((now) => drawHead({ ...conversation, ...now }), () => null);
    if (matchMedia("(min-width: 60rem)").matches) focus();
    offline.hidden = linkState() === "on";
  })();
  return { node, ready };
}

/** Messages with the heads of days and the honest line where something was lost, as rows with keys. */
function rowsOf(found, conversation) {
  const rows = [];
  let day = null;
  let before = null;
  let lost = conversation?.lost_after;
  const byId = new Map(found.map((one) => [one.id, one]));
  for (const message of found) {
    const name = dayName(message.sent_at);
    if (lost !== undefined && message.order > lost) {
      rows.push({ key: `lost.${lost}`, lost: true });
      lost = undefined;
    }
    if (name !== day) rows.push({ key: `day.${name}`, day: name });
    rows.push({ key: message.key, message, turn: before !== message.sender || name !== day, quoted: byId.get(message.reply_to) ?? null });
    [day, before] = [name, message.sender];
  }
  // What was lost came after all that is here.
  if (lost !== undefined && found.length) rows.push({ key: `lost.${lost}`, lost: true });
  return rows;
}

function drawRow(row, before, conversation, onact) {
  if (row.day) return before ?? h("p", { class: "day" }, row.day);
  if (row.lost) return before ?? h("p", { class: "lost" }, t.messages.lost);
  return bubble(row, before, conversation, onact);
}
