// What this device keeps: messages and conversations, in IndexedDB. The server forgets a message once every device has it, so this
// is the only history there is.
import { done, transaction } from "../core/storage.js";
import { account } from "../core/session.js";

// Messages without a number yet stand after all that have one, in the order of their writing.
const LAST = 2 ** 52;
const NEW = { epoch: null, seq: 0, unread: 0, last: null, marks: {}, read: 0 };

const run = (mode, names, work) => transaction(account(), mode, names, work);
const previewOf = ({ body, sender, sent_at, mine, attachments }) => ({ body, sender, sent_at, mine, kind: attachments?.[0]?.kind ?? null });
const endOf = (message) => (message.timer ? message.sent_at + message.timer * 1000 : null);

export const conversation = (id) => run("readonly", ["conversations"], ({ conversations: all }) => done(all.get(id)));
export const conversations = () => run("readonly", ["conversations"], ({ conversations: all }) => done(all.getAll()));
export const waiting = () => run("readonly", ["messages"], ({ messages: all }) => done(all.index("pending").getAll(1)));

/** The newest `limit` messages of a conversation before `before` (an order), oldest first. */
export function messages(id, { before = Infinity, limit = 60 } = {}) {
  const range = IDBKeyRange.bound([id, -Infinity], [id, before], false, before !== Infinity);
  return run(
    "readonly",
    ["messages"],
    ({ messages: all }) =>
      new Promise((resolve, reject) => {
        const found = [];
        const cursor = all.index("order").openCursor(range, "prev");
        cursor.onerror = () => reject(cursor.error);
        cursor.onsuccess = () => {
          if (!cursor.result || found.length === limit) return resolve(found.reverse());
          found.push(cursor.result.value);
          cursor.result.continue();
        };
      }),
  );
}

// What came after a message about it; these take a number in the same order as messages do.
const CHANGES = {
  edited: (target, { body, sent_at }) => ({ ...target, body, edited_at: sent_at }),
  deleted: (target, { sent_at }) => ({ ...target, body: null, attachments: [], deleted_at: sent_at }),
  reaction: (target, { sender, emoji, active }) => {
    const reactions = { ...target.reactions };
    if (active) reactions[sender] = emoji;
    else delete reactions[sender];
    return { ...target, reactions };
  },
};

/**
 * Facts from the server about conversations, laid over what is kept. It counts as unread what has not come here yet, too, and that is
 * counted here when it comes; so its count only takes away: what was read on another device.
 */
export function keepConversations(list) {
  return run("readwrite", ["conversations"], async ({ conversations: all }) => {
    for (const one of list) {
      const held = { ...NEW, ...(await done(all.get(one.id))) };
      all.put({ ...held, ...one, unread: Math.min(held.unread, one.unread ?? held.unread) });
    }
  });
}

export function dropConversation(id) {
  return run("readwrite", ["conversations", "messages", "media"], async ({ conversations: all, messages: kept, media: pictures }) => {
    all.delete(id);
    kept.delete(IDBKeyRange.bound([id], [id, []]));
    for (const key of await done(pictures.index("conversation").getAllKeys(id))) pictures.delete(key);
  });
}

/** Messages that came, and the number up to which this device is now served; one commit. Answers those that are new here. */
export function keepIncoming(id, incoming, { epoch, upto, reset = false }) {
  const me = account();
  return run("readwrite", ["conversations", "messages"], async ({ conversations: all, messages: kept }) => {
    const held = { ...NEW, id, ...(await done(all.get(id))) };
    const fresh = [];
    for (const message of incoming) {
      if (CHANGES[message.kind]) {
        const target = await done(kept.index("id").get([id, message.id]));
        if (target) kept.put(CHANGES[message.kind](target, message));
        continue;
      }
      const key = message.client_id ?? message.id;
      const known = await done(kept.get([id, key]));
      const value = { ...message, conversation: id, key, order: message.seq, mine: message.sender === me.username, pending: 0, ends_at: endOf(message) };
      kept.put(value);
      if (!known && !value.mine) fresh.push(value);
      if (value.ends_at) held.timed = true;
      if (message.seq >= (held.last_seq ?? 0)) Object.assign(held, { last: previewOf(value), last_seq: message.seq });
    }
    // Where the server lost count with this device, the chat says so at the place where it happened.
    const lost = reset && held.epoch !== null ? { lost_after: held.seq } : {};
    const seq = reset || held.epoch !== epoch ? upto : Math.max(held.seq, upto);
    all.put({ ...held, ...lost, epoch, seq, unread: held.unread + fresh.length });
    return fresh;
  });
}

/** A message of one's own, before it is sent. `pending`: 1 while it waits, 2 when it was refused, 0 once it has a number. */
export function keepOutgoing(id, message) {
  return run("readwrite", ["conversations", "messages"], async ({ conversations: all, messages: kept }) => {
    const held = await done(all.get(id));
    const value = { ...message, conversation: id, key: message.client_id, order: LAST + message.sent_at, mine: true, pending: 1, timer: held?.timer ?? null };
    kept.put({ ...value, ends_at: endOf(value) });
    if (held) all.put({ ...held, last: previewOf(value) });
  });
}

export function keepSent(id, clientId, { id: messageId, seq, sent_at }) {
  return run("readwrite", ["conversations", "messages"], async ({ conversations: all, messages: kept }) => {
    const message = await done(kept.get([id, clientId]));
    if (!message) return;
    kept.put({ ...message, id: messageId, seq, sent_at, order: seq, pending: 0 });
    const held = await done(all.get(id));
    if (held && seq > (held.last_seq ?? 0)) all.put({ ...held, last_seq: seq, last: previewOf({ ...message, sent_at }) });
  });
}

/** What an upload was given on the server, so that a try after a reload does not send it again. */
export function keepAttachments(id, clientId, attachments) {
  return run("readwrite", ["messages"], async ({ messages: kept }) => {
    const message = await done(kept.get([id, clientId]));
    if (message) kept.put({ ...message, attachments });
  });
}

export const message = (id, messageId) => run("readonly", ["messages"], ({ messages: kept }) => done(kept.index("id").get([id, messageId])));

/** Deletes what has disappeared by its timer; answers when the next one does, or null. */
export function purge(id, now = Date.now()) {
  return run("readwrite", ["messages", "media", "conversations"], async ({ messages: kept, media, conversations: all }) => {
    let next = null;
    let newest = null;
    let gone = false;
    const everything = await done(kept.getAll(IDBKeyRange.bound([id], [id, []])));
    for (const one of everything) {
      if (one.ends_at && one.ends_at <= now) {
        kept.delete([id, one.key]);
        gone = true;
        for (const attachment of one.attachments ?? []) if (attachment.id) media.delete(attachment.id);
        continue;
      }
      if (one.ends_at) next = Math.min(next ?? Infinity, one.ends_at);
      if (!newest || one.order > newest.order) newest = one;
    }
    const held = await done(all.get(id));
    if (held && gone) all.put({ ...held, last: newest ? previewOf(newest) : null });
    return next;
  });
}

export const media = (id) => run("readonly", ["media"], ({ media: all }) => done(all.get(id)));
export const keepMedia = (one) => run("readwrite", ["media"], ({ media: all }) => void all.put(one));

export function keepRefused(id, clientId, reason) {
  return run("readwrite", ["messages"], async ({ messages: kept }) => {
    const message = await done(kept.get([id, clientId]));
    if (message) kept.put({ ...message, pending: 2, refused: reason });
  });
}

export const dropMessage = (id, key) => run("readwrite", ["messages"], ({ messages: kept }) => void kept.delete([id, key]));

/** A receipt of another member: `kind` is "received" or "read". */
export function keepMark(id, { user, kind, up_to }) {
  return run("readwrite", ["conversations"], async ({ conversations: all }) => {
    const held = await done(all.get(id));
    if (!held) return;
    const before = held.marks[user] ?? {};
    all.put({ ...held, marks: { ...held.marks, [user]: { ...before, [kind]: Math.max(before[kind] ?? 0, up_to) } } });
  });
}

/** Everything here has been seen; answers the number to tell the server, or null when it knows already. */
export function keepRead(id) {
  return run("readwrite", ["conversations"], async ({ conversations: all }) => {
    const held = await done(all.get(id));
    const seen = Math.max(held?.seq ?? 0, held?.last_seq ?? 0);
    if (!held || (held.read >= seen && !held.unread)) return null;
    all.put({ ...held, read: seen, unread: 0 });
    return seen || null;
  });
}

/** What asks for attention: not what is muted, put away or left. */
export async function unreadTotal(now = Date.now()) {
  const calls = (one) => !(one.muted_until > now) && !one.archived && !one.left;
  return (await conversations()).filter(calls).reduce((sum, one) => sum + (one.unread ?? 0), 0);
}
