import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { conversationList } from "../messages/list.js";
import { thread } from "../messages/thread.js";
import { empty } from "../parts/empty.js";

export default function messages({ params, life }) {
  const id = params.conversation ?? null;
  const list = conversationList({ current: id, life });
  const chat = id ? thread(id, { life }) : null;
  const none = h("div", { class: "talk-none" }, empty("messages", t.messages.pickTitle, t.messages.pickText));
  const node = h("div", { class: ["talk", id && "chatting"] }, list.node, chat ? chat.node : none);
  return { title: t.nav.messages, node, ready: Promise.all([list.ready, chat?.ready]) };
}
