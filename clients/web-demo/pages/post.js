import { posts } from "../api/index.js";
import { h } from "../core/dom.js";
import { back } from "../core/router.js";
import { t } from "../core/text.js";
import { comments } from "../parts/comments.js";
import { empty } from "../parts/empty.js";
import { iconButton } from "../parts/head.js";
import { reel } from "../parts/reel.js";
import { sourceOf } from "../parts/source.js";

export default function post({ params, query, life }) {
  const place = h("div", { class: "stage" }, h("div", { class: "veil light" }, h("div", { class: "spinner", role: "status", "aria-label": t.loading })));
  const node = h("div", { class: "stage on-picture" }, h("div", { class: "top-line" }, iconButton("back", t.back, () => back("/"))), place);

  async function open() {
    const found = await posts.post(params.post).catch((error) => {
      if (![403, 404, 451].includes(error.status)) throw error;
      place.replaceChildren(empty("document", t.post.goneTitle, t.post.goneText, h("a", { class: "button primary", href: "/" }, t.video.toFeed)));
    });
    if (!found || life.aborted) return;
    place.replaceChildren(reel([found], "end", async () => ({ items: [], next_cursor: null }), life, { source: sourceOf(query) }));
    if (query.has("comments")) comments(found, { life });
  }
  return { title: t.post.one, node, ready: open() };
}
