// Friends, requests, blocks and finding people.
import { get, patch, post, put, remove, request } from "../core/http.js";

export const search = (q, options) => get("users", { query: { q }, ...options });
export const user = (username) => get(`users/${username}`);

/** Lists of `{user, …}` as lists of people, with what stands beside the person. */
const flat = ({ items, ...rest }) => ({ items: items.map(({ user: person, ...more }) => ({ ...more, ...person })), ...rest });

export const discover = () => get("discover/people").then(flat);
/** Whom both have as friends: `{items, total}`. */
export const mutual = (username) => get(`users/${username}/mutual-friends`, { query: { limit: 5 } });

export const contacts = (cursor = null) => get("contacts", { query: { limit: 100, cursor } });
export const syncContacts = (add, authorized) => post("contacts", { authorized, add });
export const renameContact = (username, name) => patch(`contacts/${username}`, { name });
export const removeContact = (username) => remove(`contacts/${username}`);
export const removeContacts = () => remove("contacts");

export const links = () => get("friend-links");
export const makeLink = () => post("friend-links", {});
export const revokeLink = (id) => remove(`friend-links/${id}`);
export const qr = (link) => request("GET", link.qr).then((response) => response.text());
export const openLink = (token) => post("friend-links/open", { token });
export const acceptLink = (token) => post("friend-links/accept", { token });

export const friends = (cursor = null) => get("friends", { query: { limit: 100, cursor } }).then(flat);
export const unfriend = (username) => remove(`friends/${username}`);
export const friendsOf = (username, cursor = null) => get(`users/${username}/friends`, { query: { limit: 12, cursor } }).then(flat);
export const follows = (cursor = null) => get("follows", { query: { limit: 100, cursor } }).then(flat);
export const follow = (username, on) => (on ? put : remove)(`follows/${username}`);
export const requests = () => get("friend-requests");
export const ask = (username) => post("friend-requests", { username });
export const accept = (id) => post(`friend-requests/${id}/accept`);
export const decline = (id) => post(`friend-requests/${id}/decline`);
export const takeBack = (id) => remove(`friend-requests/${id}`);

/** Accepts the request of that person. */
export async function acceptFrom(username) {
  const { items } = await requests();
  const found = items.find((one) => one.incoming && one.user.username === username);
  if (found) await accept(found.id);
}

export const blocks = (cursor = null) => get("blocks", { query: { limit: 50, cursor } }).then(flat);
export const block = (username) => put(`blocks/${username}`);
export const unblock = (username) => remove(`blocks/${username}`);
