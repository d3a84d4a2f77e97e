// Comments of a video, in a sheet or beside it.
import { videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { complain } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";
import { empty } from "./empty.js";
import { rowBones } from "./skeleton.js";
import { sheet } from "./sheet.js";

/** `onadd()` is told when one's own comment is there, so that a counter beside can follow. */
export function comments(video, { life, onadd } = {}) {
  const list = h("div", {}, rowBones(3));
  const input = h("input", { class: "input", name: "text", maxlength: 500, placeholder: t.comments.placeholder, "aria-label": t.comments.placeholder, autocomplete: "off" });
  const write = h("form", { class: "between" }, input, h("button", { class: "button primary", type: "submit" }, t.comments.send));
  sheet(t.comments.title, list, { foot: write, life });

  const row = (one) =>
    h(
      "li",
      {},
      h(
        "div",
        { class: "row-item" },
        avatar(one.author, "small"),
        h("div", { class: "body" }, h("div", { class: "small" }, h("a", { class: "strong", href: `/u/${one.author.username}` }, nameOf(one.author)), " ", h("span", { class: "soft" }, ago(one.created_at))), h("div", {}, one.text)),
      ),
    );
  const draw = (items) =>
    list.replaceChildren(items.length ? h("ul", { class: "rows" }, items.map(row)) : empty("comment", t.comments.emptyTitle, t.comments.emptyText));
  let items = [];
  videos.comments(video).then((page) => draw((items = page.items)), complain);

  write.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    try {
      items = [await videos.comment(video, text), ...items];
      input.value = "";
      draw(items);
      onadd?.();
    } catch (error) {
      complain(error);
    }
  });
}
