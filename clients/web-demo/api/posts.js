// Posts, what one leaves out of one's feed, and the search over all that people share.
import { get, onceKey, post as send, put, remove } from "../core/http.js";

export const write = (fields, once) => send("posts", fields, { once });
export const post = (id) => get(`posts/${id}`);
export const of = (owner) => get("posts", { query: { owner, limit: 10 } });
export const drop = (id) => remove(`posts/${id}`);
export const share = (id, how) => send(`posts/${id}/shares`, how, { once: onceKey() });

/** `how` is "hidden" or "not-interested" with an item's id, or "muted" with a username. */
export const leaveOut = (how, what) => put(`feed/${how}/${what}`);
export const takeBack = (how, what) => remove(`feed/${how}/${what}`);

/** People, tags, posts and videos by words. */
export const search = (q, options) => get("search", { query: { q }, ...options });
