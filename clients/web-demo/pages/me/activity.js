// What happened on one's own account, newest first.
import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { dateAndTime } from "../../core/times.js";
import { head } from "../../parts/head.js";
import { paged } from "../../parts/paged.js";
import { rowBones } from "../../parts/skeleton.js";

const words = ({ kind, other, data }) => t.activity.kinds[kind]?.({ ...data, other: other ? `@${other}` : t.messages.nobody }) ?? kind.replaceAll("_", " ");

export default function activity() {
  const place = h("div", {}, rowBones(6));
  const row = (one) => h("li", { class: "row-item" }, h("div", { class: "body" }, h("div", {}, words(one)), h("div", { class: "soft small" }, dateAndTime(one.at))));

  const ready = accounts.activity().then((first) => fill(place, paged(h("ul", { class: "rows" }), first, row, accounts.activity)));
  return { title: t.activity.title, node: h("div", { class: "page" }, head(t.activity.title, { up: "/me" }), h("div", { class: "column" }, h("p", { class: "soft" }, t.activity.intro), place)), ready };
}
