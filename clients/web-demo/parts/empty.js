// What a page says when there is nothing, or when it could not be fetched: a sentence and a way on.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";

export function empty(name, title, text, action = null) {
  return h("div", { class: "empty" }, icon(name), h("h2", {}, title), text && h("p", {}, text), action);
}

// What is not there, or not for this person, is not there at the next try either.
const GONE = [403, 404, 410, 451];

export function broken(error, again) {
  const way = GONE.includes(error.status)
    ? h("a", { class: "button primary", href: "/" }, t.video.toFeed)
    : h("button", { class: "button primary", type: "button", onclick: again }, t.tryAgain);
  return h(
    "div",
    { class: "empty", role: "alert" },
    icon(error.type === "network" ? "bell" : "warning"),
    h("h2", {}, error.type === "network" ? t.offlineTitle : t.brokenTitle),
    h("p", {}, error.message),
    way,
  );
}
