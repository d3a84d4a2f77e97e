import { accounts, trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { ago } from "../../core/times.js";
import { empty } from "../../parts/empty.js";
import { head } from "../../parts/head.js";
import { paged } from "../../parts/paged.js";
import { rowBones } from "../../parts/skeleton.js";
import { showHolds } from "./holds.js";

// Who may see which queue; the server decides, this only saves a refusal.
const QUEUES = { claims: ["legal", "admin"], reports: ["moderator", "admin"], holds: ["legal", "admin"] };
const WAITING = ["open", "received", "countered"];

/** The queues: claims that wait for a decision, reports, and legal holds. */
export default function staff({ params }) {
  const place = h("div", {}, rowBones(5));
  const tabs = h("nav", { class: "tabs", "aria-label": t.nav.staff });

  async function open() {
    // A role may be newer than the last sign-in of this browser.
    const { staff: roles } = await accounts.me();
    const allowed = Object.keys(QUEUES).filter((name) => QUEUES[name].some((role) => roles.includes(role)));
    const section = params.section ?? allowed[0];
    fill(tabs, allowed.map((name) => h("a", { href: `/staff/${name}`, "aria-current": name === section ? "page" : null }, t.staff.tabs[name])));
    tabs.hidden = allowed.length < 2;
    if (!section) return fill(place, empty("gavel", t.staff.noSectionTitle, t.staff.noSection));
    if (section === "holds") return showHolds(place);
    const first = section === "claims" ? await trust.claims() : await trust.reports();
    if (!first.items.length) return fill(place, empty("check", t.staff.noneTitle, t.staff.noneText));
    fill(place, section === "claims" ? claims(first) : reports(first));
  }
  return { title: t.nav.staff, node: h("div", { class: "page" }, head(t.nav.staff, { up: "/me" }), h("div", { class: "column wide" }, tabs, place)), ready: open() };
}

const claims = (first) =>
  table(
    t.staff.tabs.claims,
    [t.staff.claim, t.staff.about, t.staff.state, t.staff.age],
    first,
    (one) => [`/staff/claims/${one.id}`, t.claim.kinds[one.kind], t.staff.kinds[one.target?.kind] ?? "", stateTag(one.state), ago(one.received_at)],
    trust.claims,
  );

const reports = (first) =>
  table(
    t.staff.tabs.reports,
    [t.staff.report, t.staff.count, t.staff.state, t.staff.age],
    first,
    (one) => [`/staff/reports/${one.id}`, t.staff.kinds[one.target.kind], one.reports, stateTag(one.state), ago(one.opened_at)],
    trust.reports,
  );

/** `cells(item)`: where it leads, then what stands in its row. */
function table(label, heads, first, cells, read) {
  const row = ([href, name, ...rest]) => h("tr", {}, h("td", {}, h("a", { class: "strong", href }, name)), rest.map((cell) => h("td", {}, cell)));
  const [body, rest] = paged(h("tbody", {}), first, (one) => row(cells(one)), read);
  const frame = h(
    "div",
    { class: "scroll-x", tabindex: "0", role: "group", "aria-label": label },
    h("table", { class: "queue" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), body),
  );
  return [frame, rest];
}

export const stateTag = (state) => h("span", { class: ["tag", WAITING.includes(state) ? "warning" : state === "upheld" ? "bad" : ""] }, t.claim.states[state] ?? state);
