import { trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { dateAndTime } from "../../core/times.js";
import { toast } from "../../core/toast.js";
import { field, form, select } from "../../parts/field.js";
import { head } from "../../parts/head.js";
import { textBones } from "../../parts/skeleton.js";
import { stateTag } from "./index.js";

/** One claim: what the claimant says, where the material is, and the decision. */
export default function staffClaim({ params }) {
  const place = h("div", { class: "column wide pair" }, textBones(8));

  async function open() {
    const one = await trust.claimForStaff(params.item);
    const lines = (object) => h("dl", { class: "facts" }, flat(object).flatMap(([name, value]) => [h("dt", {}, t.staff.fields[name] ?? name.replaceAll("_", " ")), h("dd", {}, value)]));
    const decisions = t.staff.decisions[one.state];
    fill(
      place,
      h(
        "section",
        { class: "card pad stack" },
        h("div", { class: "between" }, h("h2", {}, t.claim.kinds[one.kind] ?? one.kind), stateTag(one.state)),
        h("p", { class: "soft small" }, t.staff.received(dateAndTime(one.received_at), one.channel)),
        one.target?.id && one.target.kind === "video" && h("p", {}, h("a", { href: `/video/${one.target.id}` }, t.staff.openTarget)),
        one.details && lines(one.details),
        one.counter_notice && h("h3", {}, t.staff.counter),
        one.counter_notice && lines(one.counter_notice),
      ),
      !decisions
        ? h("section", { class: "card pad stack" }, h("h2", {}, t.claim.states[one.state]), h("p", {}, t.claim.statesText[one.state] ?? ""))
        : h(
            "section",
            { class: "card pad stack" },
            h("h2", {}, t.staff.decide),
            form(
              {
                submit: t.staff.decide,
                act: async ({ decision, reason }) => {
                  await trust.decide(one.id, { decision, reason });
                  toast(t.staff.done);
                  await open();
                },
              },
              select("decision", t.staff.decision, Object.entries(decisions)),
              field("reason", t.staff.reason, { control: "textarea", maxlength: 2000, hint: t.staff.reasonHint }),
            ),
          ),
    );
  }
  return { title: t.nav.staff, node: h("div", { class: "page" }, head(t.staff.claim, { up: "/staff" }), place), ready: open() };
}

/** Nested objects as lines: contact.name, contact.email, … */
function flat(object, prefix = "") {
  return Object.entries(object).flatMap(([name, value]) => {
    if (value === null || value === undefined || value === "") return [];
    if (typeof value === "object" && !Array.isArray(value)) return flat(value, `${prefix}${name}.`);
    return [[`${prefix}${name}`, value === true ? "✓" : String(value)]];
  });
}
