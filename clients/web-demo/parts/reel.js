// Screens under one another that snap: one plays, the next is fetched ahead, the others let go.
import { h, listen } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { empty } from "./empty.js";
import { Slide } from "./slide.js";

// More is asked for when this many screens are left.
const AHEAD = 4;

export function reel(items, cursor, more, life) {
  const node = h("div", { class: "reel", tabindex: "0", role: "feed", "aria-label": t.nav.feed });
  const slides = [];
  let next = cursor;
  let asking = false;
  let shown = -1;

  const add = (list) => {
    for (const item of list) {
      const slide = new Slide(item, life);
      slides.push(slide);
      node.append(slide.node);
      watcher.observe(slide.node);
    }
    if (!next && list.length) node.append(h("section", { class: "slide" }, empty("check", t.feed.endTitle, t.feed.endText, h("a", { class: "button", href: "/discover" }, t.feed.findPeople))));
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
      if (event.key === "m" && slides[shown]) slides[shown].setSound(slides[shown].video.muted);
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
