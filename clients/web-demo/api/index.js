// The REST resources, by the words that pages use.
export * as accounts from "./accounts.js";
export * as calls from "./calls.js";
export * as conversations from "./conversations.js";
export * as lives from "./lives.js";
export * as people from "./people.js";
export * as posts from "./posts.js";
export * as talk from "./talk.js";
export * as trust from "./trust.js";
export * as videos from "./videos.js";
