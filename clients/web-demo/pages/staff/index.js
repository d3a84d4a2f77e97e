import { trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { ago } from "../../core/times.js";
import { empty } from "../../parts/empty.js";
import { head } from "../../parts/head.js";
import { rowBones } from "../../parts/skeleton.js";

/** The queues: claims that wait for a decision, and reports. */
export default function staff({ params }) {
  const place = h("div", {}, rowBones(5));
  const section = params.section ?? "claims";
  const tab = (name) => h("a", { href: `/staff/${name}`, "aria-current": name === section ? "page" : null }, t.staff.tabs[name]);
  const tabs = h("nav", { class: "tabs", "aria-label": t.nav.staff }, tab("claims"), tab("reports"));

  const table = (heads, rows) => h("div", { class: "scroll-x", tabindex: "0", role: "group", "aria-label": t.staff.tabs[section] }, h("table", { class: "queue" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
  const row = (href, ...cells) => h("tr", {}, h("td", {}, h("a", { class: "strong", href }, cells[0])), cells.slice(1).map((cell) => h("td", {}, cell)));

  const ready = (async () => {
    const { items } = section === "claims" ? await trust.claims() : await trust.reports();
    if (!items.length) return fill(place, empty("check", t.staff.noneTitle, t.staff.noneText));
    if (section === "claims") {
      fill(place, table([t.staff.claim, t.staff.about, t.staff.state, t.staff.age], items.map((one) => row(`/staff/claims/${one.id}`, t.claim.kinds[one.kind] ?? one.kind, t.staff.kinds[one.target?.kind] ?? "", stateTag(one.state), ago(one.received_at)))));
    } else {
      fill(place, table([t.staff.report, t.staff.count, t.staff.state, t.staff.age], items.map((one) => row(`/staff/reports/${one.id}`, t.staff.kinds[one.target.kind] ?? one.target.kind, one.reports, stateTag(one.state), ago(one.opened_at)))));
    }
  })();
  return { title: t.nav.staff, node: h("div", { class: "page" }, head(t.nav.staff, { up: "/me" }), h("div", { class: "column wide" }, tabs, place)), ready };
}

export const stateTag = (state) => h("span", { class: ["tag", ["open", "received", "countered"].includes(state) ? "warning" : state === "upheld" ? "bad" : ""] }, t.claim.states[state] ?? state);
