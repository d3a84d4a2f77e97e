// Conversations: who talks with whom. The messages themselves come over the link and live in messages/history.js.
import { get, post } from "../core/http.js";
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

/** The one conversation with that person, made where there is none. */
export async function direct(username) {
  const found = await post("conversations", { kind: "direct", members: [username] });
  await keepConversations([found]);
  return found;
}
