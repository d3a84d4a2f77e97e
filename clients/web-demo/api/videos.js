// Videos and the feed.
import { get, onceKey, patch, post, put, remove } from "../core/http.js";

export const feed = ({ scope = "home", cursor = null, signal } = {}) => get("feed", { query: { scope, cursor, limit: 10 }, signal });
export const video = (id) => get(`videos/${id}`);
export const of = (owner) => get("videos", { query: { owner } });
export const mine = () => get("me/videos");
export const edit = (of, changes) => patch(`videos/${of.id}`, changes, { of });
export const drop = (id) => remove(`videos/${id}`);
export const like = (id) => put(`videos/${id}/like`);
export const unlike = (id) => remove(`videos/${id}/like`);
/** A heartbeat: `seconds` watched since the last one, up to `position_s`; `source` is the page that it was watched on. */
export const view = (id, seconds, position_s = null, source = "other") =>
  post(`videos/${id}/views`, { seconds, position_s, source }, { once: onceKey() });
export const share = (id, how) => post(`videos/${id}/shares`, how, { once: onceKey() });
export const insights = (id) => get(`videos/${id}/insights`);
export const comments = (id, parent = null) => get(`videos/${id}/comments`, { query: { parent } });
export const comment = (id, text, parent = null) => post(`videos/${id}/comments`, { text, parent }, { once: onceKey() });
export const dropComment = (one) => remove(`videos/${one.video}/comments/${one.id}`);
export const likeComment = (one, on) => (on ? put : remove)(`videos/${one.video}/comments/${one.id}/like`);
