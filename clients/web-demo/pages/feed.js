import { lives, videos } from "../api/index.js";
import { h, listen } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { compose } from "../parts/composer.js";
import { empty } from "../parts/empty.js";
import { iconButton } from "../parts/head.js";
import { reel } from "../parts/reel.js";

const SCOPES = ["home", "discover"];

export default function feed({ query, life }) {
  const place = h("div", { class: "stage" });
  const scopes = h("div", { class: "scopes", role: "tablist", "aria-label": t.nav.feed });
  const write = iconButton("edit", t.post.title, () => compose({ life, ondone: () => open("home").catch(complain) }));
  write.classList.add("write-post");
  const node = h("div", { class: "stage on-picture" }, h("div", { class: "top-line" }, scopes, write), place);

  async function open(scope) {
    for (const button of scopes.children) button.setAttribute("aria-selected", String(button.dataset.scope === scope));
    place.replaceChildren(h("div", { class: "veil light" }, h("div", { class: "spinner", role: "status", "aria-label": t.loading })));
    const onAir = lives.now().then((page) => page.items, () => []);
    const first = await videos.feed({ scope, signal: life });
    const items = [...liveFirst(await onAir, first.items), ...first.items];
    if (life.aborted) return;
    if (!items.length) return place.replaceChildren(nothing(scope));
    const more = async (cursor) => videos.feed({ scope, cursor, signal: life });
    place.replaceChildren(reel(items, first.next_cursor, more, life));
  }

  scopes.append(
    ...SCOPES.map((scope) =>
      h("button", { type: "button", role: "tab", data: { scope }, onclick: () => open(scope).catch(complain) }, t.feed.scopes[scope]),
    ),
  );
  listen(document, "visibilitychange", () => document.hidden && node.querySelectorAll("video").forEach((video) => video.pause()), life);
  return { title: t.nav.feed, node, ready: open(SCOPES.includes(query.get("scope")) ? query.get("scope") : "home") };
}

/** Lives that the feed does not bring itself stand before the videos. */
function liveFirst(onAir, items) {
  const there = new Set(items.filter((item) => item.kind === "live").map((item) => item.id));
  return onAir.filter((live) => !there.has(live.id)).slice(0, 3);
}

function nothing(scope) {
  const way =
    scope === "home"
      ? h("a", { class: "button primary", href: "/discover" }, t.feed.findPeople)
      : h("a", { class: "button primary", href: "/live" }, t.nav.goLive);
  return empty("feed", t.feed.emptyTitle, t.feed.emptyText, way);
}
