// Posts, what one leaves out of one's feed, and the search over all that people share.
import { get, onceKey, patch, post as send, put, remove } from "../core/http.js";

export const write = (fields, once) => send("posts", fields, { once });
export const post = (id) => get(`posts/${id}`);
export const of = (owner, cursor = null) => get("posts", { query: { owner, limit: 10, cursor } });
export const edit = (of, changes) => patch(`posts/${of.id}`, changes, { of });
export const drop = (id) => remove(`posts/${id}`);
/** What a picture shows, for who does not see it. */
export const describe = (image, alt) => patch(`images/${image}`, { alt });
/** A heartbeat: it was looked at for so many `seconds` since the last one, on the page `source`. */
export const view = (id, seconds, source) => send(`posts/${id}/views`, { seconds, source }, { once: onceKey() });
export const insights = (id) => get(`posts/${id}/insights`);
export const share = (id, how) => send(`posts/${id}/shares`, how, { once: onceKey() });

/** `how` is "hidden" or "not-interested" with an item's id, or "muted" with a username. */
export const leaveOut = (how, what) => put(`feed/${how}/${what}`);
export const takeBack = (how, what) => remove(`feed/${how}/${what}`);

/** Whom one left out of the feed. */
export const muted = (cursor = null) => get("feed/muted", { query: { limit: 50, cursor } });

/** Items that one left out of the feed, and by which choice. */
export const hidden = (cursor = null) => get("feed/hidden", { query: { limit: 20, cursor } });

/** People, tags, posts and videos by words; `kind` is one of these, or "all". */
export const search = (q, { kind = "all", cursor = null, ...options } = {}) => get("search", { query: { q, kind, cursor }, ...options });
