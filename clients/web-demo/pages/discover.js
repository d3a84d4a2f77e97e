import { lives, people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { liveTile } from "../live/tile.js";
import { empty } from "../parts/empty.js";
import { head, iconLink } from "../parts/head.js";
import { paged } from "../parts/paged.js";
import { personRow } from "../parts/person.js";
import { goOn } from "../parts/rows.js";
import { rowBones } from "../parts/skeleton.js";
import { searchInput, searchPath } from "./search.js";

export default function discover({ life }) {
  const shelf = h("div", {});
  const list = h("div", {}, rowBones(6));
  const input = searchInput();
  // The search has a page of its own: typing goes on there.
  input.addEventListener("input", () => go(`${searchPath(input.value)}&typed=1`));

  async function suggest() {
    const { items } = await people.discover();
    const row = (one) => h("li", {}, personRow(one, { note: t.discover.reasons[one.reason]?.(one) }));
    fill(list, items.length ? h("ul", { class: "rows" }, items.map(row)) : empty("people", t.discover.nobodyTitle, t.discover.nobodyText));
  }

  async function drawLives() {
    const first = await lives.discover();
    fill(shelf, h("div", { class: "section-head" }, h("h2", {}, t.discover.lives)), first.items.length ? paged(h("div", { class: "shelf", tabindex: "0", role: "group", "aria-label": t.discover.lives }), first, liveTile, lives.discover) : quiet());
  }

  const node = h(
    "div",
    { class: "page" },
    head(t.nav.discover, { actions: [iconLink("people", t.nav.people, "/people")] }),
    h("div", { class: "column" }, h("form", { class: "search", role: "search", onsubmit: (event) => event.preventDefault() }, icon("search"), input), shelf, ways(), h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t.discover.people)), list)),
  );
  return { title: t.nav.discover, node, ready: Promise.all([suggest(), drawLives()]) };
}

const ways = () =>
  h("div", { class: "card" }, h("div", { class: "settings-group" }, goOn("userPlus", t.meet.title, "/meet", t.meet.short), goOn("people", t.contacts.title, "/contacts", t.contacts.short)));

const quiet = () => h("div", { class: "card between" }, h("p", { class: "soft" }, t.discover.quiet), h("a", { class: "button compact primary", href: "/live" }, icon("live", 18), t.nav.goLive));
