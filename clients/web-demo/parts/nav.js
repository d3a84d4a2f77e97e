// The bar at the bottom of a phone, the rail at the side of a desktop.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account, watchSession } from "../core/session.js";
import { t } from "../core/text.js";
import * as history from "../messages/history.js";
import { on } from "../realtime/link.js";

const ENTRIES = [
  ["feed", "/", "feed", t.nav.feed],
  ["discover", "/discover", "discover", t.nav.discover],
  ["live", "/live", "live", t.nav.live],
  ["messages", "/messages", "messages", t.nav.messages],
  ["me", "/me", "me", t.nav.me],
];

/** Fills the `nav` element; answers `light(name)`, which marks the entry of the page that is open. */
export function startNav(node) {
  const count = h("span", { class: "count", hidden: true, role: "img" });
  const links = new Map();
  const entry = ([name, href, picture, label]) => {
    const link = h(
      "a",
      { href, class: name === "live" && "go-live", "aria-label": name === "live" ? t.nav.goLive : null },
      name === "live" ? h("span", { class: "disc" }, icon("plus")) : icon(picture),
      h("span", { class: "label" }, label),
      name === "messages" && count,
    );
    links.set(name, link);
    return link;
  };
  const mark = h("a", { class: "brand", href: "/" }, h("img", { src: document.querySelector("link[rel=icon]").href, alt: "", width: 32, height: 32 }), t.name);
  const people = h("a", { href: "/people", class: "more-people" }, t.nav.people);
  const staff = h("a", { href: "/staff", hidden: true }, t.nav.staff);
  const more = h("div", { class: "more" }, people, h("a", { href: "/policies" }, t.nav.policies), h("a", { href: "/claim" }, t.nav.claim), h("a", { href: "/docs", target: "_blank" }, t.nav.api), staff);
  node.replaceChildren(mark, ...ENTRIES.map(entry), more);

  const drawCount = async () => {
    const total = account() ? await history.unreadTotal().catch(() => 0) : 0;
    count.hidden = !total;
    count.textContent = total > 99 ? "99+" : total;
    count.setAttribute("aria-label", t.unread(total));
  };
  const drawStaff = () => (staff.hidden = !isStaff());
  on("history", drawCount);
  watchSession(() => (drawCount(), drawStaff()));
  drawCount();
  drawStaff();

  return (name) => {
    for (const [key, link] of links) {
      if (key === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
}

export const isStaff = () => (account()?.staff ?? []).length > 0;
