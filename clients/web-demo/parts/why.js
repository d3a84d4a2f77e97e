// Why an item stands in the feed, in words, and where that is switched off.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { sheet } from "./sheet.js";

/** A row for a menu; none where the item is not in a feed. `item.why`: the reasons, empty where it stands by time. */
export function whyRow(item, life) {
  return item.why && { icon: "info", label: t.feed.why.title, onclick: () => why(item.why, life) };
}

function why(reasons, life) {
  const words = t.feed.why;
  const known = reasons.map((one) => words.reasons[one]).filter(Boolean);
  const line = (text) => h("li", { class: "row-item" }, icon("check", 20), h("span", { class: "body" }, text));
  sheet(words.title, h("div", { class: "stack" }, h("ul", { class: "rows" }, (known.length ? known : [words.byTime]).map(line)), h("p", { class: "soft small" }, words.off, " ", h("a", { href: "/me/privacy" }, t.privacy.title))), { life });
}
