// On which page something is watched, as its address says; one that was handed on says nothing.
const SOURCES = ["feed", "other", "profile", "search", "chat"];
export const sourceOf = (query) => (SOURCES.includes(query.get("from")) ? query.get("from") : query.has("comments") ? "other" : "link");
