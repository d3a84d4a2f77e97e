// What people wrote, with its hashtags, mentions and web addresses as links. For the first two, the same rules as livecore/wording.py.
import { h } from "../core/dom.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,:;!?')\]}]/giu;
const PART = /(?<![\p{L}\p{N}_#@/&])#[\p{L}\p{N}_]{1,50}|(?<![\p{L}\p{N}_#@/.])@[A-Za-z0-9_.]{2,29}[A-Za-z0-9_]/gu;

export const tagPage = (tag) => `/search?q=${encodeURIComponent(`#${tag}`)}`;

/** The text as a list of strings and links. */
export function words(text) {
  const out = [];
  let from = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    // Another site learns nothing of where the person came from, and cannot reach back into this page.
    out.push(...named(text.slice(from, index)), h("a", { class: "in-text", href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    from = index + address.length;
  }
  return [...out, ...named(text.slice(from))];
}

function named(text) {
  const out = [];
  let from = 0;
  for (const { 0: part, index } of text.matchAll(PART)) {
    if (part[0] === "#" && !/\p{L}/u.test(part)) continue;
    out.push(text.slice(from, index), h("a", { class: "in-text", href: part[0] === "#" ? tagPage(part.slice(1)) : `/u/${part.slice(1)}` }, part));
    from = index + part.length;
  }
  return [...out, text.slice(from)];
}
