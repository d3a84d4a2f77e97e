import { trust } from "../api/index.js";
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { dateAndTime } from "../core/times.js";
import { head } from "../parts/head.js";
import { textBones } from "../parts/skeleton.js";

export default function claimStatus({ params, query }) {
  const place = h("div", { class: "column" }, textBones(4));
  const ready = (async () => {
    const found = await trust.claimStatus(params.claim, query.get("token") ?? "");
    const facts = [
      [t.claim.state, t.claim.states[found.state] ?? found.state],
      [t.claim.receivedAt, dateAndTime(found.received_at)],
      found.decided_at && [t.claim.decidedAt, dateAndTime(found.decided_at)],
    ].filter(Boolean);
    place.replaceChildren(
      h("div", { class: "card pad stack" }, h("h2", {}, t.claim.states[found.state] ?? found.state), h("p", { class: "soft" }, t.claim.statesText[found.state] ?? ""), h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
    );
  })();
  return { title: t.claim.status, node: h("div", { class: "page" }, head(t.claim.status, { up: "/claim" }), place), ready };
}
