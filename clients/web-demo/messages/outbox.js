// What goes out. Written down before it is sent, so that a closed tab or a lost network loses nothing; the `client_id` makes
// sending again harmless. Files are kept with the message until they are on the server, and then as one's own copy.
import { conversations as api } from "../api/index.js";
import { onceKey } from "../core/http.js";
import { account } from "../core/session.js";
import { begin, send as sendFile } from "../media/tus.js";
import { announce, emit } from "../realtime/link.js";
import * as history from "./history.js";

const told = (conversation) => announce("history", { conversation });

/** `attachments`: `{kind, blob}` for a file, or what `message:send` takes for a card. `reply_to`: the id of a message. */
export async function send(conversation, body, { attachments = [], reply_to = null } = {}) {
  const message = { client_id: onceKey(), body: body || null, attachments, reply_to, sent_at: Date.now(), sender: account().username };
  await history.keepOutgoing(conversation, message);
  told(conversation);
  await push(conversation, message);
}

// What one request may bring; more goes in slices that are never sent twice.
const ONE_REQUEST_BYTES = 16 * 1024 * 1024;

/** `begun` keeps where it goes, so that a page that is opened again goes on there. */
async function give(conversation, { blob, path }, begun) {
  if (blob.size <= ONE_REQUEST_BYTES) return api.attach(conversation, blob);
  if (!path) {
    ({ path } = await begin(blob.size, { purpose: "attachment", conversation, filename: blob.name, filetype: blob.type }));
    await begun(path);
  }
  const resource = await sendFile(path, blob, { onsent: () => null, signal: new AbortController().signal });
  return api.attachment(resource.split("/").pop());
}

/** Puts the files that are not there yet on the server. */
async function upload(conversation, client_id, attachments) {
  const given = [];
  for (const one of attachments ?? []) {
    if (!one.blob) {
      given.push(one);
      continue;
    }
    const { id, kind, media_type, size, width, height, duration_ms } = await give(conversation, one, (path) => history.keepAttachments(conversation, client_id, [...given, { ...one, path }, ...attachments.slice(given.length + 1)]));
    await history.keepMedia({ id, conversation, blob: one.blob });
    given.push({ kind, id, meta: { ...one.meta, type: media_type, size, width, height, duration_ms } });
    await history.keepAttachments(conversation, client_id, [...given, ...attachments.slice(given.length)]);
  }
  return given;
}

async function push(conversation, { client_id, body, attachments, reply_to }) {
  try {
    const given = await upload(conversation, client_id, attachments);
    const data = { conversation, client_id, ...(body && { body }), ...(given.length && { attachments: given }), ...(reply_to && { reply_to }) };
    await history.keepSent(conversation, client_id, await emit("message:send", data));
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

/** What is said of a message of one's own or another's; it comes back through the same order as messages. */
export const react = (message, emoji, active) => emit("message:react", { conversation: message.conversation, id: message.id, emoji, active });
export const edit = (message, body) => emit("message:edit", { conversation: message.conversation, id: message.id, body });
export const takeBack = (message) => emit("message:delete", { conversation: message.conversation, id: message.id });

/** The same to somebody else, without a word of where it comes from. Files are copied on the server where it still has them. */
export async function forward(message, conversation) {
  const attachments = [];
  for (const one of message.attachments ?? []) {
    if (!["image", "video", "voice"].includes(one.kind)) {
      attachments.push(one);
      continue;
    }
    const mine = await history.media(one.id);
    if (mine) attachments.push({ kind: one.kind, blob: mine.blob });
    else attachments.push({ kind: one.kind, id: (await api.copy(one.id, conversation)).id });
  }
  await send(conversation, message.body, { attachments });
}

/** Once a conversation has been seen to its end. */
export async function markRead(conversation) {
  const seq = await history.keepRead(conversation);
  if (seq === null) return;
  told(conversation);
  await emit("message:read", { conversation, seq }).catch(() => null);
}
