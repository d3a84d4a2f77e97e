import { trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { t } from "../../core/text.js";
import { ago } from "../../core/times.js";
import { on } from "../../realtime/link.js";
import { empty } from "../../parts/empty.js";
import { head } from "../../parts/head.js";
import { wordsOf } from "../../parts/notices.js";
import { paged } from "../../parts/paged.js";
import { rowBones } from "../../parts/skeleton.js";

/** What the service told you; seeing it marks it as read. */
export default function notices({ life }) {
  const place = h("div", {}, rowBones(4));

  const row = (notice) => {
    const { title, text, href, way } = wordsOf(notice);
    return h(
      "li",
      {},
      h(
        "div",
        { class: "row-item" },
        h("span", { class: "avatar" }, icon("bell", 22)),
        h("div", { class: "body" }, h("div", { class: "between" }, h("span", { class: "title" }, title), h("span", { class: "soft small" }, ago(notice.created_at))), h("p", { class: notice.read_at ? "soft" : "" }, text)),
        href && h("a", { class: "button compact", href }, way),
      ),
    );
  };

  async function open() {
    const first = await trust.notices();
    const { items } = first;
    if (life.aborted) return;
    fill(place, items.length ? paged(h("ul", { class: "rows" }), first, row, trust.notices) : empty("bell", t.notices.emptyTitle, t.notices.emptyText));
    if (items.some((one) => !one.read_at)) await trust.readNotices();
  }
  on("notice", open, life);
  return { title: t.notices.title, node: h("div", { class: "page" }, head(t.notices.title, { up: "/me" }), h("div", { class: "column" }, place)), ready: open() };
}
