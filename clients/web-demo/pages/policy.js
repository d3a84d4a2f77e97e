import { trust } from "../api/index.js";
import { h } from "../core/dom.js";
import { safeHtml } from "../core/safehtml.js";
import { t } from "../core/text.js";
import { fullDate } from "../core/times.js";
import { head } from "../parts/head.js";
import { textBones } from "../parts/skeleton.js";
import { points } from "./signup.js";

export default function policy({ params }) {
  const { kind } = params;
  const place = h("article", { class: "column" }, textBones(12));
  const ready = (async () => {
    const found = await trust.policy(kind);
    place.replaceChildren(
      h("p", { class: "policy-date" }, h("span", { class: "tag good" }, t.policies.modified(fullDate(found.last_modified))), h("span", { class: "tag" }, t.policies.version(found.version)), found.effective && h("span", { class: "tag" }, t.policies.effective(fullDate(found.effective)))),
      h("section", { class: "card pad stack" }, h("h2", {}, t.policies.summary), ...points(found.summary)),
      h("div", { class: "prose" }, safeHtml(found.html)),
    );
  })();
  return { title: t.policies.kinds[kind] ?? t.nav.policies, node: h("div", { class: "page" }, head(t.policies.kinds[kind] ?? t.nav.policies, { up: "/policies" }), place), ready };
}
