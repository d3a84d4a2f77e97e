// What goes out. Written down before it is sent, so that a closed tab or a lost network loses nothing; the `client_id` makes
// sending again harmless.
import { onceKey } from "../core/http.js";
import { account } from "../core/session.js";
import { announce, emit } from "../realtime/link.js";
import * as history from "./history.js";

const told = (conversation) => announce("history", { conversation });

export async function send(conversation, body) {
  const message = { client_id: onceKey(), body, sent_at: Date.now(), sender: account().username };
  await history.keepOutgoing(conversation, message);
  told(conversation);
  await push(conversation, message);
}

async function push(conversation, { client_id, body }) {
  try {
    await history.keepSent(conversation, client_id, await emit("message:send", { conversation, client_id, body }));
  } catch (error) {
    // A network that is away is not an answer: the message goes out at the next connection.
    if (error.type === "network") return;
    await history.keepRefused(conversation, client_id, error.message);
  }
  told(conversation);
}

export const retry = (message) => push(message.conversation, message);

export async function resend() {
  for (const message of await history.waiting()) await push(message.conversation, message);
}

/** Once a conversation has been seen to its end. */
export async function markRead(conversation) {
  const seq = await history.keepRead(conversation);
  if (seq === null) return;
  told(conversation);
  await emit("message:read", { conversation, seq }).catch(() => null);
}
