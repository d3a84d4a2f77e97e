import { trust } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { fullDate } from "../core/times.js";
import { head } from "../parts/head.js";
import { goOn } from "../parts/rows.js";
import { textBones } from "../parts/skeleton.js";

const KINDS = ["privacy", "terms", "ip"];

export default function policies() {
  const place = h("div", { class: "stack" }, textBones(6));
  const ready = (async () => {
    const found = await Promise.all(KINDS.map((kind) => trust.policy(kind).then((policy) => ({ ...policy, kind }))));
    place.replaceChildren(
      h("div", { class: "card settings-group" }, found.map((one) => goOn("document", one.title || t.policies.kinds[one.kind], `/policies/${one.kind}`, t.policies.modified(fullDate(one.last_modified))))),
      h("div", { class: "card settings-group" }, goOn("shield", t.nav.claim, "/claim", t.claim.short)),
      h("p", { class: "note" }, icon("info", 20), h("span", {}, t.policies.noAccount)),
    );
  })();
  return { title: t.nav.policies, node: h("div", { class: "page" }, head(t.nav.policies, { up: "/" }), h("div", { class: "column" }, place)), ready };
}
