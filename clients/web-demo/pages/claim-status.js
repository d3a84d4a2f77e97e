import { trust } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { dateAndTime } from "../core/times.js";
import { empty } from "../parts/empty.js";
import { head } from "../parts/head.js";
import { textBones } from "../parts/skeleton.js";

/** How a claim stands, for who has its receipt. The link in the claimant's mail brings a code instead (`#code=`), which confirms it. */
export default function claimStatus({ params, query }) {
  const place = h("div", { class: "column" }, textBones(4));
  const code = /code=(\d{6})/.exec(location.hash)?.[1];
  const token = query.get("token");

  async function open() {
    const confirmed = code && (await trust.confirmClaim(params.claim, code).then(() => true, (error) => (error.status === 409 ? true : Promise.reject(error))));
    const thanks = confirmed && h("p", { class: "note" }, icon("check", 20), h("span", {}, t.claim.confirmedText));
    if (!token) return fill(place, thanks, empty("document", t.claim.status, t.claim.needReceipt));
    const found = await trust.claimStatus(params.claim, token);
    const facts = [[t.claim.receivedAt, dateAndTime(found.received_at)], found.decided_at && [t.claim.decidedAt, dateAndTime(found.decided_at)]].filter(Boolean);
    fill(
      place,
      thanks,
      h("div", { class: "card pad stack" }, h("h2", {}, t.claim.states[found.state]), h("p", { class: "soft" }, t.claim.statesText[found.state]), h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
    );
  }
  return { title: t.claim.status, node: h("div", { class: "page" }, head(t.claim.status, { up: "/claim" }), place), ready: open() };
}
