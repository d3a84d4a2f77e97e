// Short words that come, can be read by a screen reader, and go.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./text.js";

const STAYS_MS = 5000;
// Older ones leave when more come: three can be read at a time.
const AT_MOST = 3;
const place = document.getElementById("toasts");

/** Options: `bad`, `icon`, `title`, `action: {label, href | onclick}`, `stays` (until closed). */
export function toast(text, { bad = false, title, action, stays = false, icon: name } = {}) {
  const close = () => node.remove();
  const node = h(
    "div",
    { class: ["toast", bad && "bad"], role: bad ? "alert" : "status" },
    icon(name ?? (bad ? "warning" : "check")),
    h("div", { class: "body" }, title && h("div", { class: "strong" }, title), h("div", {}, text)),
    action &&
      (action.href
        ? h("a", { class: "button compact", href: action.href, onclick: close }, action.label)
        : h("button", { class: "button compact", type: "button", onclick: () => (close(), action.onclick()) }, action.label)),
    h("button", { class: "icon-button", type: "button", "aria-label": t.close, onclick: close }, icon("close")),
  );
  place.append(node);
  while (place.children.length > AT_MOST) place.firstElementChild.remove();
  if (!stays) setTimeout(close, STAYS_MS);
  return close;
}

/** The words of a problem, as a toast; for acts whose place on the page cannot hold them. */
export function complain(error) {
  if (error.name === "AbortError") return;
  toast(error.message, { bad: true });
  if (!error.type) console.error(error);
}
