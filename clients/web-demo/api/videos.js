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
export const view = (id, seconds) => post(`videos/${id}/views`, { seconds }, { once: onceKey() });
export const share = (id, how) => post(`videos/${id}/shares`, how, { once: onceKey() });
export const comments = (id) => get(`videos/${id}/comments`);
export const comment = (id, text) => post(`videos/${id}/comments`, { text }, { once: onceKey() });
