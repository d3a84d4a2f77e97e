// What people say under videos and posts, and what they like. `item`: { kind: "video" | "post", id }.
import { get, onceKey, post, put, remove } from "../core/http.js";

const of = (item) => `${item.kind}s/${item.id}`;
const turn = (path, on) => (on ? put : remove)(path);

export const like = (item, on) => turn(`${of(item)}/like`, on);
/** Who likes it, those who did so last first. */
export const likes = (item, cursor = null) => get(`${of(item)}/likes`, { query: { cursor } });

/** Comments, newest first; with `parent` the answers to one, oldest first. */
export const comments = (item, { parent = null, cursor = null } = {}) => get(`${of(item)}/comments`, { query: { parent, cursor } });
export const comment = (item, text, parent = null) => post(`${of(item)}/comments`, { text, parent }, { once: onceKey() });
export const drop = (item, one) => remove(`${of(item)}/comments/${one.id}`);
export const likeComment = (item, one, on) => turn(`${of(item)}/comments/${one.id}/like`, on);
