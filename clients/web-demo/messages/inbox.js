// What comes in. Kept first, then acknowledged, then shown: a message that the server may forget is already on this disk.
import { account } from "../core/session.js";
import { announce, emit, first } from "../realtime/link.js";
import * as history from "./history.js";
import { resend } from "./outbox.js";

// `received` is cumulative: nothing newer is acknowledged until everything older has been fetched.
let caughtUp = false;

async function keep(conversation, messages, place) {
  const fresh = await history.keepIncoming(conversation, messages, place);
  if (place.upto > 0) await emit("message:received", { conversation, seq: place.upto }).catch(() => null);
  announce("history", { conversation });
  if (fresh.length) announce("history:new", { conversation, message: fresh.at(-1), count: fresh.length });
}

/** All that is held for this device, page after page until nothing more is there. */
async function sync() {
  if (!account()) return;
  const places = {};
  for (const { id, epoch, seq } of await history.conversations()) places[id] = { epoch: epoch ?? null, seq: epoch ? seq : 0 };
  for (let more = true; more; ) {
    more = false;
    const answer = await emit("sync", { conversations: places });
    for (const [id, one] of Object.entries(answer.conversations ?? answer)) {
      await keep(id, one.messages, one);
      places[id] = { epoch: one.epoch, seq: one.upto };
      more ||= Boolean(one.more);
    }
  }
  caughtUp = true;
  // Not awaited: it waits for answers that come through the same line as events.
  resend();
}

export function startInbox() {
  // What follows waits in line until this has ended, so that no newer message is acknowledged before an older one is kept.
  first("connect", () => sync().catch((error) => console.warn("sync:", error.message)));
  first("disconnect", () => (caughtUp = false));
  const one = (kind) => (message) =>
    caughtUp ? keep(message.conversation, [{ kind, ...message }], { epoch: message.epoch, upto: message.seq }) : sync();
  first("message:new", one("message"));
  first("message:reaction", one("reaction"));
  first("message:edited", one("edited"));
  first("message:deleted", one("deleted"));
  first("message:receipt", async (mark) => {
    await history.keepMark(mark.conversation, mark);
    announce("history", { conversation: mark.conversation });
  });
}
