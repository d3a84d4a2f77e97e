// Conversations: who talks with whom. The messages themselves come over the link and live in messages/history.js.
import { get, patch, post, put, remove } from "../core/http.js";
import { keepConversations } from "../messages/history.js";

export async function list(cursor = null) {
  const page = await get("conversations", { query: { limit: 100, cursor } });
  await keepConversations(page.items);
  return page;
}

export async function one(id) {
  const found = await get(`conversations/${id}`);
  await keepConversations([found]);
  return found;
}

/** To a stranger who asks: "accept" or "decline". */
export async function answer(id, request) {
  const found = await patch(`conversations/${id}`, { request });
  if (found) await keepConversations([found]);
}

/** The one conversation with that person, made where there is none. */
export async function direct(username) {
  const found = await post("conversations", { kind: "direct", members: [username] });
  await keepConversations([found]);
  return found;
}

/** A group or a broadcast list. */
export async function begin(kind, members, title) {
  const found = await post("conversations", { kind, members, ...(title && { title }) });
  await keepConversations([found]);
  return found;
}

/** What all see (title, timer) or what is one's own (muted_until, archived, pinned). */
export async function change(id, changes) {
  const found = await patch(`conversations/${id}`, changes);
  await keepConversations([found]);
  return found;
}

export const leave = (id) => remove(`conversations/${id}`);
export const setMember = (id, username, changes) => put(`conversations/${id}/members/${username}`, changes);
export const removeMember = (id, username) => remove(`conversations/${id}/members/${username}`);
export const setPicture = (id, file) => put(`conversations/${id}/picture`, file);
export const invites = (id) => get(`conversations/${id}/invites`);
export const invite = (id, fields) => post(`conversations/${id}/invites`, fields);
export const revoke = (id, invitation) => remove(`conversations/${id}/invites/${invitation}`);
export const lookAtInvite = (token) => get(`invites/${token}`);

export async function join(token) {
  const found = await post(`invites/${token}/join`);
  await keepConversations([found]);
  return found;
}

export const attach = (id, blob) => post(`conversations/${id}/attachments`, blob);
export const attachment = (id) => get(`attachments/${id}`);
export const kept = (id) => post(`attachments/${id}/kept`);
export const copy = (id, conversation) => post(`attachments/${id}/copies`, { conversation });
