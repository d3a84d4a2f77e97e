// The list of conversations: pinned ones first, then the newest, with what was said last and how much is unread; archived ones apart.
import { conversations as api } from "../api/index.js";
import { fill, h, keyedList } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { on } from "../realtime/link.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { broken, empty } from "../parts/empty.js";
import { head, iconButton, iconLink } from "../parts/head.js";
import { act } from "../parts/person.js";
import { rowBones } from "../parts/skeleton.js";
import { wordOf } from "./bubble.js";
import { create } from "./create.js";
import * as history from "./history.js";
import { stateOf, watch } from "./presence.js";

/** The other one of a direct conversation; a stand-in with the title for all else. */
export function otherOf(conversation) {
  const members = conversation.members ?? [];
  const others = members.map((member) => member.user ?? member).filter((one) => one.username !== account()?.username);
  if (conversation.kind === "direct") return others[0] ?? { name: t.messages.nobody };
  return { name: conversation.title || others.map(nameOf).join(", ") || t.messages.nobody, avatar: conversation.picture };
}

/** The face of a conversation, with a dot while the other one is here. */
export function pictureOf(conversation, size = "") {
  const other = otherOf(conversation);
  const state = conversation.kind === "direct" ? stateOf(other.username) : "offline";
  const dot = state !== "offline" && h("i", { class: ["presence", state], role: "img", "aria-label": t.messages.presence[state] });
  return h("span", { class: "face" }, avatar(other, size), dot);
}

function preview({ last, head: given }) {
  if (!last) return given ? t.messages.beforeShort : t.messages.start;
  const body = last.body ?? wordOf({ kind: last.kind });
  return last.mine ? t.messages.you(body) : body;
}

/** A chat of two in which nothing was ever said is no conversation yet: it opens from the person's page. */
const hasWords = (one) => one.kind !== "direct" || one.last || one.head || one.request || one.pinned;

export function conversationList({ current = null, life }) {
  const rows = h("ul", { class: "rows" });
  const place = h("div", {}, rowBones(6));
  const rest = h("div", { class: "column" });
  let archived = false;
  const shelf = h("button", { class: "archive-line", type: "button", hidden: true });
  shelf.addEventListener("click", () => ((archived = !archived), refresh()));
  const actions = [iconButton("plus", t.messages.create.title, () => create(life)), iconLink("people", t.nav.people, "/people")];
  const node = h("section", { class: "talk-list page", "aria-label": t.nav.messages }, head(t.nav.messages, { actions }), shelf, place, rest);

  const draw = keyedList(rows, (one) => one.id, (one) => {
    const other = otherOf(one);
    const last = one.last;
    return h(
      "li",
      {},
      h(
        "a",
        { class: ["row-item", one.unread > 0 && "unread"], href: `/messages/${one.id}`, "aria-current": one.id === current ? "page" : null },
        pictureOf(one),
        h(
          "div",
          { class: "body" },
          h("div", { class: "between" }, h("span", { class: "title clip" }, nameOf(other), one.muted_until > Date.now() && h("span", { class: "state", role: "img", "aria-label": t.messages.muted }, icon("mute", 16)), one.pinned && h("span", { class: "state", role: "img", "aria-label": t.messages.pinned }, icon("pin", 16))), last && h("span", { class: "soft small" }, ago(last.sent_at))),
          h("div", { class: "between" }, one.request === "asked" ? h("span", { class: "tag" }, t.messages.requestTag) : h("span", { class: "soft small clip preview" }, preview(one)), one.unread > 0 && h("span", { class: "count", "aria-label": t.unread(one.unread) }, one.unread)),
        ),
      ),
    );
  });

  async function refresh() {
    for (const one of await history.conversations()) if (one.timer || one.timed) await history.purge(one.id);
    const all = (await history.conversations()).filter((one) => one.kind && !one.left && hasWords(one));
    if (!all.length) return fill(place, empty("messages", t.messages.emptyTitle, t.messages.emptyText, h("a", { class: "button primary", href: "/people" }, t.messages.emptyWay)));
    const newest = (one) => one.last?.sent_at ?? one.created_at ?? one.created_ms ?? 0;
    const away = all.filter((one) => one.archived);
    archived &&= away.length > 0;
    shelf.hidden = !away.length;
    fill(shelf, icon(archived ? "back" : "archive", 20), archived ? t.messages.backToAll : t.messages.archivedCount(away.length));
    const order = (a, b) => Boolean(b.pinned) - Boolean(a.pinned) || new Date(newest(b)) - new Date(newest(a));
    draw((archived ? away : all.filter((one) => !one.archived)).sort(order));
    watch(all.filter((one) => one.kind === "direct").map((one) => otherOf(one).username), drawAgain, life);
    if (rows.parentNode !== place) fill(place, rows);
  }

  const drawAgain = () => refresh();

  // A message in a conversation that is not known yet: ask who it is with.
  async function heard({ conversation }) {
    const held = await history.conversation(conversation);
    if (!held?.kind) await api.one(conversation).catch(() => null);
    await refresh();
  }
  on("history", heard, life);
  on("conversation:changed", ({ conversation }) => api.one(conversation).then(refresh, () => null), life);
  on("conversation:marked", ({ conversation, ...marks }) => history.keepConversations([{ id: conversation, ...marks }]).then(refresh), life);
  on("conversation:left", ({ conversation }) => history.keepConversations([{ id: conversation, left: true }]).then(refresh), life);
  on("conversation:new", (data) => heard({ conversation: data.id ?? data.conversation }), life);

  // What this device has not heard of yet; a page at a time.
  async function ask(cursor = null) {
    const { next_cursor: next } = await api.list(cursor);
    await refresh();
    fill(rest, next && act(t.showMore, () => ask(next)));
  }

  const ready = (async () => {
    await refresh();
    await ask();
  })().catch((error) => rows.children.length || fill(place, broken(error, () => location.reload())));
  return { node, ready };
}
