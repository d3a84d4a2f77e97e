import { trust } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { safeHtml } from "../core/safehtml.js";
import { signedIn } from "../core/session.js";
import { t } from "../core/text.js";
import { fullDate } from "../core/times.js";
import { toast } from "../core/toast.js";
import { head } from "../parts/head.js";
import { act } from "../parts/person.js";
import { confirm } from "../parts/sheet.js";
import { textBones } from "../parts/skeleton.js";
import { points } from "./signup.js";

// Those that one accepts on signing up, and may decline.
const AGREED = ["privacy", "terms"];

/** How one stands to it, with the way to the other: who declined finds the way back here. */
async function standing(kind, version) {
  const place = h("section", { class: "card pad stack" });
  async function draw() {
    const last = (await trust.acceptances()).items.find((one) => one.policy === kind);
    const declined = last?.mode === "declined";
    const said = last && (declined ? t.policies.declined : t.policies.accepted)(last.version, fullDate(last.at));
    const accept = async () => {
      await trust.accept(kind, version);
      toast(t.policies.thanks);
      await draw();
    };
    const decline = async () => {
      if (!(await confirm(t.policies.declineTitle, t.policies.declineText, { agree: t.policies.decline, danger: true }))) return;
      await trust.decline(kind);
      await draw();
    };
    const isOpen = !last || declined || last.version !== version;
    fill(place, said && h("p", {}, said), h("div", { class: "line-up" }, isOpen && act(t.policies.accept, accept, { primary: true }), !declined && act(t.policies.decline, decline)));
  }
  await draw();
  return place;
}

/** What changed from version to version. */
async function earlier(kind) {
  const { items } = await trust.versions(kind);
  return h("details", { class: "card pad" }, h("summary", {}, t.policies.versions(items.length)), h("ul", { class: "rows" }, items.map((one) => h("li", { class: "row-item" }, h("div", { class: "body" }, h("div", { class: "strong" }, `${t.policies.version(one.version)} · ${fullDate(one.last_modified)}`), one.changes && h("p", { class: "soft small" }, one.changes))))));
}

export default function policy({ params }) {
  const { kind } = params;
  const place = h("article", { class: "column" }, textBones(12));
  const ready = (async () => {
    const found = await trust.policy(kind);
    fill(
      place,
      h("p", { class: "policy-date" }, h("span", { class: "tag good" }, t.policies.modified(fullDate(found.last_modified))), h("span", { class: "tag" }, t.policies.version(found.version)), found.effective && h("span", { class: "tag" }, t.policies.effective(fullDate(found.effective)))),
      h("section", { class: "card pad stack" }, h("h2", {}, t.policies.summary), ...points(found.summary)),
      signedIn() && AGREED.includes(kind) ? await standing(kind, found.version) : null,
      h("div", { class: "prose" }, safeHtml(found.html)),
      await earlier(kind),
    );
  })();
  return { title: t.policies.kinds[kind] ?? t.nav.policies, node: h("div", { class: "page" }, head(t.policies.kinds[kind] ?? t.nav.policies, { up: "/policies" }), place), ready };
}
