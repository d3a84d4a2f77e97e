// What the server tells on its own: notices, friend requests, new messages while another page is open.
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { on } from "../realtime/link.js";
import * as history from "../messages/history.js";
import { otherOf } from "../messages/list.js";
import { nameOf } from "./avatar.js";

export function startNotices() {
  on("notice", (notice) => {
    const words = t.notices[notice.kind] ?? t.notices.other;
    const data = notice.data ?? notice;
    const href = words.href?.(data);
    toast(data.text ?? words.text(data), { title: words.title, icon: "bell", bad: words.bad, stays: words.stays, action: href && { label: t.look, href } });
  });
  on("friend:request", (data) => {
    const from = data.user ?? data.from ?? data;
    toast(t.notices.request(nameOf(from)), { icon: "userPlus", action: { label: t.look, href: "/people?show=requests" } });
  });
  on("friend:accepted", (data) => toast(t.notices.accepted(nameOf(data.user ?? data)), { icon: "people", action: { label: t.look, href: "/people" } }));
  on("history:new", async ({ conversation, message }) => {
    if (location.pathname === `/messages/${conversation}` || location.pathname === "/messages" || !account()) return;
    const held = await history.conversation(conversation);
    toast(message.body || t.messages.something, { title: held?.members ? nameOf(otherOf(held)) : undefined, icon: "messages", action: { label: t.look, href: `/messages/${conversation}` } });
  });
}
