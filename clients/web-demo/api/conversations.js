// Conversations: who talks with whom. The messages themselves come over the link and live in messages/history.js.
import { get, patch, post } from "../core/http.js";
import { keepConversations } from "../messages/history.js";

export async function list() {
  const page = await get("conversations", { query: { limit: 100 } });
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
