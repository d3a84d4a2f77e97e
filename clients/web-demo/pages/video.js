import { videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { comments } from "../parts/comments.js";
import { empty } from "../parts/empty.js";
import { iconButton } from "../parts/head.js";
import { back } from "../core/router.js";
import { reel } from "../parts/reel.js";
import { sourceOf } from "../parts/source.js";

// Asked again this often while a video is being made ready.
const AGAIN_MS = 1500;

/** The parts of a long live after this one, which play one after the other. */
async function rest(found) {
  if (!found.live_id) return [];
  const { items } = await videos.replays(found.live_id).catch(() => ({ items: [] }));
  const after = items.filter((one) => one.owner.id === found.owner.id && one.status === "ready" && one.recorded_at > found.recorded_at);
  [found, ...after].slice(0, -1).forEach((one) => (one.goesOn = true));
  return after;
}

export default function video({ params, query, life }) {
  const place = h("div", { class: "stage" }, h("div", { class: "veil light" }, h("div", { class: "spinner", role: "status", "aria-label": t.loading })));
  const node = h("div", { class: "stage on-picture" }, h("div", { class: "top-line" }, iconButton("back", t.back, () => back("/"))), place);

  async function open() {
    const found = await videos.video(params.video).catch((error) => {
      if (![403, 404, 410, 451].includes(error.status)) throw error;
      place.replaceChildren(empty("feed", t.video.goneTitle, error.detail || t.video.goneText, h("a", { class: "button primary", href: "/" }, t.video.toFeed)));
    });
    if (!found || life.aborted) return;
    if (found.status === "processing") {
      place.replaceChildren(empty("clock", t.video.processingTitle, t.video.processingText));
      return void setTimeout(() => !life.aborted && open(), AGAIN_MS);
    }
    if (found.status === "removed") return place.replaceChildren(empty("warning", t.video.removedTitle, t.video.removedText, h("a", { class: "button", href: "/policies/ip" }, t.policies.kinds.ip)));
    if (found.status === "failed") return place.replaceChildren(empty("warning", t.video.failedTitle, t.video.failedText));
    place.replaceChildren(reel([found, ...(await rest(found))], "end", async () => ({ items: [], next_cursor: null }), life, { source: sourceOf(query) }));
    // A notice of a comment leads to the comments.
    if (query.has("comments")) comments(found, { life });
  }
  return { title: t.video.title, node, ready: open() };
}
