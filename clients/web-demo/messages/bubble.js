// One message as it stands in a chat: who, the words, what it carries, what was said about it, and how far it came.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { clockTime } from "../core/times.js";
import { cardOf } from "./cards.js";
import { dropMessage } from "./history.js";
import { mediaOf } from "./media.js";
import { retry } from "./outbox.js";
import { words } from "../parts/words.js";

const MEDIA = ["image", "video", "voice"];
const LONG_PRESS_MS = 450;

/** `quoted` is the message that this one answers, or null; `onact(message)` opens what can be done with it. */
export function bubble({ message, turn, quoted }, before, conversation, onact) {
  const mark = message.mine ? markOf(message, conversation) : null;
  const reactions = [...new Set(Object.values(message.reactions ?? {}))].join(" ");
  const attachments = message.attachments ?? [];
  const state = [mark, turn, message.pending, message.edited_at, message.deleted_at, reactions, attachments.map((one) => one.id ?? "new"), quoted?.body].join(" ");
  if (before?.dataset.state === state) return before;
  const named = !message.mine && turn && conversation?.kind === "group";
  const more = !message.deleted_at && message.id && h("button", { class: "bubble-more", type: "button", "aria-label": t.messages.acts.more, onclick: () => onact(message) }, icon("down", 18));
  const node = h(
    "div",
    { class: ["bubble", message.mine && "mine", turn && "turn", message.pending === 2 && "refused", attachments.some(({ kind }) => kind === "image" || kind === "video") && "wide"], data: { state, key: message.key } },
    named && h("span", { class: "who" }, message.sender ?? t.messages.nobody),
    message.reply_to && h("span", { class: "quote" }, h("span", { class: "who" }, quoted?.sender ?? ""), quoted ? quoted.body ?? wordOf(quoted) : t.messages.quoteGone),
    attachments.map((one) => (MEDIA.includes(one.kind) ? mediaOf(one, message.conversation) : cardOf(one))),
    message.deleted_at ? h("em", { class: "soft" }, t.messages.deleted) : message.body && h("span", { class: "text" }, words(message.body)),
    h("span", { class: "meta" }, message.ends_at && icon("timer"), message.edited_at && h("span", {}, t.messages.edited), clockTime(message.sent_at), mark && markIcon(mark)),
    more,
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
  if (more) pressing(node, () => onact(message));
  return node;
}

/** A long press on a touch screen; a mouse has the button. */
export function pressing(node, act) {
  let timer = 0;
  const stop = () => clearTimeout(timer);
  node.addEventListener("pointerdown", (event) => event.pointerType === "touch" && (timer = setTimeout(act, LONG_PRESS_MS)));
  for (const name of ["pointerup", "pointercancel", "pointermove", "pointerleave"]) node.addEventListener(name, stop);
  node.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    stop();
    act();
  });
}

/** What stands for a message without words in a list or a quotation. */
export const wordOf = (message) => t.messages.kinds[message?.attachments?.[0]?.kind ?? message?.kind] ?? (message?.deleted_at ? t.messages.deleted : t.messages.something);

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
