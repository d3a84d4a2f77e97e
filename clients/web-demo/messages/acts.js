// What can be done with a message: react, answer, copy, hand on, change, take back.
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { account } from "../core/session.js";
import { confirm, menu } from "../parts/sheet.js";
import { pick } from "./pick.js";
import { forward, react, takeBack } from "./outbox.js";

const REACTIONS = ["❤️", "👍", "😂", "😮", "😢", "🙏"];
// As long as the server lets a message be changed.
const WINDOW_MS = 24 * 3600 * 1000;

/** `writer` is the place to write: it takes an answer or a change. */
export function actsOf(message, writer, life) {
  const mine = message.reactions?.[account().username];
  const fresh = message.mine && Date.now() - message.sent_at < WINDOW_MS;
  const act = (work) => () => Promise.resolve(work()).catch(complain);
  const node = menu(
    t.messages.acts.more,
    [
      { icon: "reply", label: t.messages.acts.reply, onclick: () => writer.answer(message) },
      message.body && { icon: "copy", label: t.messages.acts.copy, onclick: act(async () => (await navigator.clipboard.writeText(message.body), toast(t.messages.acts.copied))) },
      { icon: "share", label: t.messages.acts.forward, onclick: () => pick(t.messages.acts.forward, (conversation) => forward(message, conversation), life) },
      fresh && message.body && { icon: "edit", label: t.messages.acts.edit, onclick: () => writer.change(message) },
      fresh && {
        icon: "trash",
        label: t.messages.acts.takeBack,
        danger: true,
        onclick: act(async () => (await confirm(t.messages.acts.takeBack, t.messages.acts.takeBackText, { agree: t.messages.acts.takeBack, danger: true })) && takeBack(message)),
      },
    ],
    life,
  );
  const reactions = REACTIONS.map((emoji) =>
    h("button", { type: "button", "aria-pressed": String(mine === emoji), onclick: () => (node.close(), react(message, emoji, mine !== emoji).catch(complain)) }, emoji),
  );
  node.querySelector(".sheet-body").prepend(h("div", { class: "reaction-row", role: "group", "aria-label": t.messages.acts.react }, reactions));
}
