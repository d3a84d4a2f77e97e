// What the server tells on its own: notices, friend requests, new messages while another page is open.
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import * as history from "../messages/history.js";
import { otherOf } from "../messages/list.js";
import { on } from "../realtime/link.js";
import { nameOf } from "./avatar.js";

// Decisions about a person stay on the screen until they are closed.
const STAYS = new Set(["takedown", "warning"]);

const about = ({ post, video }) => (post ? `/post/${post}` : `/video/${video}`);
const talk = (data) => `${about(data)}?comments=1`;

const PLACES = {
  takedown: ({ claim_id: claim }) => (claim ? `/me/counter?claim=${claim}` : null),
  policy_updated: ({ policy }) => `/policies/${policy}`,
  call_missed: () => "/messages",
  live: ({ live }) => `/watch/${live}?from=other`,
  like: about,
  comment: talk,
  reply: talk,
  comment_like: talk,
  mention: (data) => (data.comment ? talk(data) : about(data)),
  replay_expires: ({ video }) => `/video/${video}`,
  export_ready: () => "/me/data",
  new_sign_in: () => "/me/devices",
};

/** What a notice says and where it leads: `{ title, text, href, way }`. */
export function wordsOf({ kind, data }) {
  const words = t.notices.kinds[kind] ?? t.notices.kinds.other;
  const href = PLACES[kind]?.(data) ?? null;
  return { title: words.title, text: words.text(data), href, way: href ? (words.way ?? t.look) : null };
}

export function startNotices() {
  on("notice", (notice) => {
    const { title, text } = wordsOf(notice);
    toast(text, { title, icon: "bell", bad: STAYS.has(notice.kind), stays: STAYS.has(notice.kind), action: { label: t.look, href: "/me/notices" } });
  });
  on("friend:request", ({ user }) => toast(t.notices.request(nameOf(user)), { icon: "userPlus", action: { label: t.look, href: "/people?show=requests" } }));
  on("friend:accepted", ({ user }) => toast(t.notices.accepted(nameOf(user)), { icon: "people", action: { label: t.look, href: "/people" } }));
  on("history:new", async ({ conversation, message }) => {
    if (location.pathname === `/messages/${conversation}` || location.pathname === "/messages" || document.querySelector(`[data-talk="${conversation}"]`) || !account()) return;
    const held = await history.conversation(conversation);
    toast(message.body || t.messages.something, { title: held?.members ? nameOf(otherOf(held)) : undefined, icon: "messages", action: { label: t.look, href: `/messages/${conversation}` } });
  });
}
