// Videos and the feed.
import { get, onceKey, patch, post, remove } from "../core/http.js";

/** A page; each item says `why` it stands there. */
export async function feed({ scope = "home", cursor = null, signal } = {}) {
  const page = await get("feed", { query: { scope, cursor, limit: 10, explain: true }, signal });
  for (const item of page.items) item.why = page.reasons?.[item.id] ?? [];
  return page;
}

export const video = (id) => get(`videos/${id}`);
/** What was recorded of a live: of each host a file, or parts that follow one another. */
export const replays = (live) => get(`lives/${live}/replays`);
export const of = (owner, cursor = null) => get("videos", { query: { owner, limit: 24, cursor } });
export const mine = (cursor = null) => get("me/videos", { query: { limit: 24, cursor } });
export const edit = (of, changes) => patch(`videos/${of.id}`, changes, { of });
export const drop = (id) => remove(`videos/${id}`);
/** A heartbeat: `seconds` watched since the last one, up to `position_s`; `source` is the page that it was watched on. */
export const view = (id, seconds, position_s = null, source = "other") =>
  post(`videos/${id}/views`, { seconds, position_s, source }, { once: onceKey() });
export const share = (id, how) => post(`videos/${id}/shares`, how, { once: onceKey() });
export const insights = (id) => get(`videos/${id}/insights`);
