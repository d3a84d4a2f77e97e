// One conversation: what is kept on this device, marks, typing, and the place to write.
import { conversations as api } from "../api/index.js";
import { fill, h, keyedList } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { ring } from "../calls/now.js";
import { back } from "../core/router.js";
import { t } from "../core/text.js";
import { clockTime, dayName } from "../core/times.js";
import { complain } from "../core/toast.js";
import { emit, linkState, on } from "../realtime/link.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { iconButton } from "../parts/head.js";
import { act } from "../parts/person.js";
import { menu } from "../parts/sheet.js";
import { report } from "../parts/report.js";
import * as history from "./history.js";
import { otherOf } from "./list.js";
import { dropMessage } from "./history.js";
import { markRead, retry, send } from "./outbox.js";

// "Typing" is said again while it goes on, and taken back when nothing came for longer than that.
const TYPING_AGAIN_MS = 3000;
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
  const { node: compose, focus } = writer(id, life);
  flow.append(list, dots);
  const calling = h("span", { class: "line-up", hidden: true }, [["phone", t.calls.voice, false], ["camera", t.calls.video, true]].map(([name, label, video]) => iconButton(name, label, () => ring(otherOf(conversation), video))));
  const actions = iconButton("more", t.more, () => {
    const other = otherOf(conversation);
    menu(nameOf(other), [
      { icon: "me", label: t.messages.profile, href: `/u/${other.username}` },
      { icon: "flag", label: t.report.title, onclick: () => report({ kind: "user", username: other.username }, { person: other.username, life }) },
    ], life);
  });
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
  const draw = keyedList(list, (row) => row.key, (row, before) => drawRow(row, before, conversation));

  async function refresh({ stay = false } = {}) {
    const follow = !stay && (atEnd() || !list.children.length);
    conversation = (await history.conversation(id)) ?? conversation;
    calling.hidden = conversation?.kind !== "direct" || Boolean(conversation.request);
    const found = await history.messages(id, { limit });
    if (life.aborted) return;
    draw(rowsOf(found, conversation));
    if (!found.length) fill(list, h("p", { class: "day" }, t.messages.first));
    if (follow) flow.scrollTop = flow.scrollHeight;
    if (!document.hidden) await markRead(id);
  }

  /** Somebody who is no friend yet: their first message waits for a yes, and so does one's own. */
  function drawRequest() {
    const state = conversation.request;
    asked.hidden = !state;
    compose.hidden = state === "asked";
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

  let quiet = 0;
  on("history", ({ conversation: changed }) => changed === id && refresh().catch(complain), life);
  on(
    "typing",
    ({ conversation: where, active }) => {
      if (where !== id) return;
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
    const other = otherOf(conversation);
    const link = h("a", { class: "with", href: other.username ? `/u/${other.username}` : null }, avatar(other), h("div", { class: "clip" }, h("h1", { class: "clip" }, nameOf(other)), other.username && h("div", { class: "soft small clip" }, `@${other.username}`)));
    title.replaceWith(link);
    await refresh();
    drawRequest();
    // What is kept may be old: the other one may have answered meanwhile.
    api.one(id).then((now) => ((conversation = { ...conversation, ...now }), drawRequest()), () => null);
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
  for (const message of found) {
    const name = dayName(message.sent_at);
    if (lost !== undefined && message.order > lost) {
      rows.push({ key: `lost.${lost}`, lost: true });
      lost = undefined;
    }
    if (name !== day) rows.push({ key: `day.${name}`, day: name });
    rows.push({ key: message.key, message, turn: before !== message.mine || name !== day });
    [day, before] = [name, message.mine];
  }
  return rows;
}

function drawRow(row, before, conversation) {
  if (row.day) return before ?? h("p", { class: "day" }, row.day);
  if (row.lost) return before ?? h("p", { class: "lost" }, t.messages.lost);
  const { message, turn } = row;
  const mark = message.mine ? markOf(message, conversation) : null;
  const reactions = Object.values(message.reactions ?? {}).join(" ");
  const state = `${mark} ${turn} ${message.pending} ${message.edited_at ?? ""} ${message.deleted_at ?? ""} ${reactions}`;
  if (before?.dataset.state === state) return before;
  return h(
    "div",
    { class: ["bubble", message.mine && "mine", turn && "turn", message.pending === 2 && "refused"], data: { state, key: message.key } },
    message.deleted_at ? h("em", { class: "soft" }, t.messages.deleted) : message.body,
    h("span", { class: "meta" }, message.edited_at && t.messages.edited, clockTime(message.sent_at), mark && markIcon(mark)),
    reactions && h("span", { class: "reactions", role: "img", "aria-label": t.messages.reactions(reactions) }, reactions),
    message.pending === 2 &&
      h(
        "span",
        { class: "refusal" },
        message.refused,
        h("button", { type: "button", onclick: () => retry(message) }, t.tryAgain),
        h("button", { type: "button", onclick: (event) => dropMessage(message.conversation, message.key).then(() => event.target.closest(".bubble").remove()) }, t.remove),
      ),
  );
}

/** "waiting" → "sent" → "delivered" → "read", by the slowest of the other members. */
function markOf(message, conversation) {
  if (message.pending) return "waiting";
  const marks = Object.values(conversation?.marks ?? {});
  const least = (kind) => Math.min(...marks.map((one) => one[kind] ?? 0));
  if (!marks.length) return "sent";
  if (least("read") >= message.seq) return "read";
  return Math.max(least("received"), least("read")) >= message.seq ? "delivered" : "sent";
}

function markIcon(mark) {
  const picture = icon({ waiting: "clock", sent: "check", delivered: "checks", read: "checks" }[mark]);
  return h("span", { class: mark, role: "img", "aria-label": t.messages.marks[mark] }, picture);
}

function writer(id, life) {
  const input = h("textarea", { rows: 1, maxlength: 4000, placeholder: t.messages.write, "aria-label": t.messages.write, enterkeyhint: "send" });
  const button = h("button", { class: "icon-button", type: "submit", "aria-label": t.messages.send, disabled: true }, icon("send"));
  const node = h("form", { class: "compose" }, input, button);
  let told = 0;
  const tell = (active) => {
    if (active && Date.now() - told < TYPING_AGAIN_MS) return;
    if (!active && !told) return;
    told = active ? Date.now() : 0;
    if (linkState() === "on") emit("typing", { conversation: id, active }).catch(() => null);
  };
  input.addEventListener("input", () => {
    button.disabled = !input.value.trim();
    tell(!button.disabled);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    node.requestSubmit();
  });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = input.value.trim();
    if (!body) return;
    input.value = "";
    button.disabled = true;
    tell(false);
    send(id, body).catch(complain);
  });
  life.addEventListener("abort", () => tell(false));
  return { node, focus: () => input.focus() };
}
