// The head of a page: a way back, the title, and what can be done here.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { back } from "../core/router.js";
import { t } from "../core/text.js";

export function head(title, { up = null, actions = [] } = {}) {
  return h(
    "header",
    { class: "page-head" },
    up && h("button", { class: "icon-button", type: "button", "aria-label": t.back, onclick: () => back(up) }, icon("back")),
    h("h1", {}, title),
    actions,
  );
}

export const iconButton = (name, label, onclick, more = {}) =>
  h("button", { class: "icon-button", type: "button", "aria-label": label, title: label, onclick, ...more }, icon(name));

export const iconLink = (name, label, href) => h("a", { class: "icon-button", href, "aria-label": label, title: label }, icon(name));
