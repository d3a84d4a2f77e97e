// Screens under one another that snap: one plays, the next is fetched ahead, the others let go.
import { h, listen } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { empty } from "./empty.js";
import { PostSlide } from "./post.js";
import { Slide } from "./slide.js";

// More is asked for when this many screens are left.
const AHEAD = 4;

/** A post with a video is that video, with the post's words under it. */
function slideOf(item, life, around) {
  if (item.kind !== "post") return new Slide(item, life, around);
  if (!item.video) return new PostSlide(item, life, around);
  return new Slide({ ...item.video, title: item.text || item.video.title, video_title: item.video.title, post: item }, life, around);
}

/** `more(cursor)` answers the next page; `source`: on which page it is watched. */
export function reel(items, cursor, more, life, { source = "feed" } = {}) {
  const node = h("div", { class: "reel", tabindex: "0", role: "feed", "aria-label": t.nav.feed });
  const slides = [];
  let next = cursor;
  let asking = false;
  let shown = -1;
  let last = null;

  /** Takes out, or brings back, the slides whose item `isGone` says. */
  const leave = (isGone, on) => {
    for (const slide of slides) {
      if (!isGone(slide.item.post ?? slide.item)) continue;
      slide.node.hidden = on;
      if (on) slide.letGo();
      else slide.node.scrollIntoView();
    }
    // The one that comes into view is started by the watcher; the one that is shown may be it.
    shown = -1;
    if (on && !last && slides.every((slide) => slide.node.hidden)) node.append((last = end()));
  };
  const end = () => h("article", { class: "slide", "aria-label": t.feed.endTitle }, empty("check", t.feed.endTitle, t.feed.endText, h("a", { class: "button", href: "/discover" }, t.feed.findPeople)));

  const add = (list) => {
    for (const item of list) {
      const slide = slideOf(item, life, { leave, source });
      slides.push(slide);
      // The part of a replay that is over is followed by the next.
      slide.video?.addEventListener("ended", () => step(1));
      node.append(slide.node);
      watcher.observe(slide.node);
    }
    if (!next && list.length) node.append((last = end()));
  };

  async function show(index) {
    if (index === shown || index < 0) return;
    shown = index;
    slides.forEach((slide, i) => {
      if (i === index) slide.activate();
      else if (i === index + 1) slide.rest(), slide.prepare();
      else slide.letGo();
    });
    if (next && !asking && index >= slides.length - AHEAD) {
      asking = true;
      try {
        const page = await more(next);
        next = page.next_cursor;
        add(page.items);
      } catch (error) {
        complain(error);
      }
      asking = false;
    }
  }

  const watcher = new IntersectionObserver(
    (seen) => {
      for (const one of seen) if (one.isIntersecting) show(slides.findIndex((slide) => slide.node === one.target));
    },
    { root: node, threshold: 0.6 },
  );

  const step = (by) => node.scrollBy({ top: by * node.clientHeight, behavior: "smooth" });
  listen(
    document,
    "keydown",
    (event) => {
      if (event.target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
      if (event.key === "ArrowDown" || event.key === "PageDown") event.preventDefault(), step(1);
      if (event.key === "ArrowUp" || event.key === "PageUp") event.preventDefault(), step(-1);
      if (event.key === "m" && slides[shown]?.video) slides[shown].setSound(slides[shown].video.muted);
    },
    life,
  );
  life.addEventListener("abort", () => {
    watcher.disconnect();
    for (const slide of slides) slide.letGo();
  });
  add(items);
  return node;
}
