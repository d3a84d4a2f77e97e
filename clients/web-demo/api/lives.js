// Lives: making one, finding one, ending one. Sound and picture go through media/whip.js and media/whep.js.
import { get, onceKey, patch, post, put, remove } from "../core/http.js";

/** As pages use it: `owner` is the host, and the kind tells it from a video in the feed. */
export const asLive = (live) => ({ ...live, kind: "live", owner: live.host, started_ms: live.started_at ?? live.created_at });
const page = ({ items, ...rest }) => ({ items: items.map(asLive), ...rest });

export const create = (fields, once) => post("lives", fields, { once }).then(asLive);
export const now = () => get("lives").then(page);
/** Who is live now, ranked, each with the reason why. */
export const discover = (cursor = null) => get("discover/lives", { query: { reasons: true, cursor } }).then(page);
export const live = (id) => get(`lives/${id}`).then(asLive);
export const edit = (of, changes) => patch(`lives/${of.id}`, changes, { of }).then(asLive);
/** A heartbeat: it was watched for so many `seconds` since the last one, having been found on the page `source`. */
export const view = (id, seconds, source) => post(`lives/${id}/views`, { seconds, source }, { once: onceKey(), keepalive: true });
export const insights = (id) => get(`lives/${id}/insights`);
export const stats = (id) => get(`lives/${id}/stats`);
export const invite = (id, username) => post(`lives/${id}/guests`, { username });
/** One's own right to publish, for another program: `{whip, token, expires_at}`; the one before stops to work. */
export const publishToken = (id) => post(`lives/${id}/publish-token`);
export const end = (id) => post(`lives/${id}/end`, undefined, { keepalive: true }).then(asLive);
export const share = (id, how) => post(`lives/${id}/shares`, how, { once: onceKey() });
export const restrict = (id, username, kind, more = {}) => post(`lives/${id}/restrictions`, { username, kind, ...more });
export const appoint = (id, username, on) => (on ? put : remove)(`lives/${id}/moderators/${username}`);
export const order = (id) => get(`lives/${id}/order`);
