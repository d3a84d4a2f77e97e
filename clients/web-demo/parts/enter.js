// The frame of the pages for people who are not in yet.
import { h } from "../core/dom.js";
import { t } from "../core/text.js";

const mark = () =>
  h("a", { class: "mark", href: "/signin" }, h("img", { src: document.querySelector("link[rel=icon]").href, alt: "", width: 40, height: 40 }), t.name);

export function enter(title, intro, ...rest) {
  return h(
    "div",
    { class: "page enter" },
    h("aside", { class: "side" }, h("p", {}, t.enter.promise), h("p", {}, t.enter.promiseText)),
    h("div", { class: "entry" }, mark(), h("div", { class: "stack tight" }, h("h1", {}, title), intro && h("p", { class: "soft" }, intro)), ...rest),
  );
}
