// The list of conversations, newest first, with what was said last and how much is unread.
import { conversations as api } from "../api/index.js";
import { fill, h, keyedList } from "../core/dom.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { on } from "../realtime/link.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { broken, empty } from "../parts/empty.js";
import { head, iconLink } from "../parts/head.js";
import { rowBones } from "../parts/skeleton.js";
import * as history from "./history.js";

/** The other one of a direct conversation; a stand-in with the title for all else. */
export function otherOf(conversation) {
  const members = conversation.members ?? [];
  const others = members.map((member) => member.user ?? member).filter((one) => one.username !== account()?.username);
  if (conversation.kind === "direct" || others.length === 1) return others[0] ?? { name: t.messages.nobody };
  return { name: conversation.title || others.map(nameOf).join(", ") };
}

function preview(last) {
  if (!last) return t.messages.start;
  const body = last.body ?? t.messages.something;
  return last.mine ? t.messages.you(body) : body;
}

export function conversationList({ current = null, life }) {
  const rows = h("ul", { class: "rows" });
  const place = h("div", {}, rowBones(6));
  const node = h("section", { class: "talk-list page", "aria-label": t.nav.messages }, head(t.nav.messages, { actions: [iconLink("people", t.nav.people, "/people")] }), place);

  const draw = keyedList(rows, (one) => one.id, (one) => {
    const other = otherOf(one);
    const last = one.last;
    return h(
      "li",
      {},
      h(
        "a",
        { class: ["row-item", one.unread > 0 && "unread"], href: `/messages/${one.id}`, "aria-current": one.id === current ? "page" : null },
        avatar(other),
        h(
          "div",
          { class: "body" },
          h("div", { class: "between" }, h("span", { class: "title clip" }, nameOf(other)), last && h("span", { class: "soft small" }, ago(last.sent_at))),
          h("div", { class: "between" }, h("span", { class: "soft small clip preview" }, preview(last)), one.unread > 0 && h("span", { class: "count", "aria-label": t.unread(one.unread) }, one.unread)),
        ),
      ),
    );
  });

  async function refresh() {
    const all = (await history.conversations()).filter((one) => one.kind && !one.left);
    if (!all.length) return fill(place, empty("messages", t.messages.emptyTitle, t.messages.emptyText, h("a", { class: "button primary", href: "/people" }, t.messages.emptyWay)));
    const newest = (one) => one.last?.sent_at ?? one.created_at ?? one.created_ms ?? 0;
    draw(all.sort((a, b) => new Date(newest(b)) - new Date(newest(a))));
    if (rows.parentNode !== place) fill(place, rows);
  }

  // A message in a conversation that is not known yet: ask who it is with.
  async function heard({ conversation }) {
    const held = await history.conversation(conversation);
    if (!held?.kind) await api.one(conversation).catch(() => null);
    await refresh();
  }
  on("history", heard, life);
  on("conversation:new", (data) => heard({ conversation: data.id ?? data.conversation }), life);

  const ready = (async () => {
    await refresh();
    await api.list();
    await refresh();
  })().catch((error) => rows.children.length || fill(place, broken(error, () => location.reload())));
  return { node, ready };
}
