import { trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { dateAndTime } from "../../core/times.js";
import { toast } from "../../core/toast.js";
import { field, form, select } from "../../parts/field.js";
import { head } from "../../parts/head.js";
import { textBones } from "../../parts/skeleton.js";
import { stateTag } from "./index.js";

/** One case that reports opened: who said what about which content, and the decision. */
export default function staffReport({ params }) {
  const place = h("div", { class: "column wide pair" }, textBones(8));

  async function open() {
    const { case: one, reports } = await trust.reportForStaff(params.item);
    const said = (report) =>
      h("li", {}, h("div", { class: "row-item" }, h("div", { class: "body" }, h("div", { class: "strong" }, t.report.reasons[report.reason] ?? report.reason), report.details && h("p", {}, report.details), (report.evidence ?? []).map((copy) => h("blockquote", { class: "receipt" }, copy.sender && `${copy.sender}: `, copy.text)), h("div", { class: "soft small" }, dateAndTime(report.created_at)))));
    fill(
      place,
      h(
        "section",
        { class: "card pad stack" },
        h("div", { class: "between" }, h("h2", {}, t.staff.kinds[one.target.kind] ?? one.target.kind), stateTag(one.state)),
        one.target.kind === "video" && h("p", {}, h("a", { href: `/video/${one.target.id}` }, t.staff.openTarget)),
        h("ul", { class: "rows" }, reports.map(said)),
      ),
      one.state === "open"
        ? h(
            "section",
            { class: "card pad stack" },
            h("h2", {}, t.staff.decide),
            form(
              {
                submit: t.staff.decide,
                act: async ({ decision, reason, days }) => {
                  await trust.decideReport(one.id, { decision, reason, ...(decision === "suspend" && days && { days: Number(days) }) });
                  toast(t.staff.done);
                  await open();
                },
              },
              select("decision", t.staff.decision, Object.entries(t.staff.reportDecisions)),
              field("reason", t.staff.reason, { control: "textarea", maxlength: 2000, hint: t.staff.reasonHint }),
              field("days", t.staff.days, { type: "number", min: 1, max: 366, required: false, hint: t.staff.daysHint }),
            ),
          )
        : h("section", { class: "card pad stack" }, h("h2", {}, t.staff.decided), h("p", {}, t.staff.reportDecisions[one.decision] ?? "")),
    );
  }
  return { title: t.nav.staff, node: h("div", { class: "page" }, head(t.staff.report, { up: "/staff/reports" }), place), ready: open() };
}
