import { people, posts } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { on } from "../realtime/link.js";
import { nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { friendLink } from "../parts/friend-link.js";
import { head, iconButton, iconLink } from "../parts/head.js";
import { pagedRows } from "../parts/paged.js";
import { act, personRow } from "../parts/person.js";
import { rowBones } from "../parts/skeleton.js";

const WAYS = { hide: "hidden", not_interested: "not-interested" };

/** With its first words and whose it is, and a way to have it back. */
function hiddenRow({ choice, item }, done) {
  const text = item.title || item.text || t.feed.untitled;
  return h(
    "div",
    { class: "row-item" },
    h("div", { class: "body" }, h("a", { class: "title clip", href: `/${item.kind === "live" ? "watch" : item.kind}/${item.id}` }, text), h("div", { class: "soft small clip" }, `${nameOf(item.owner)} · ${t.people.choices[choice]}`)),
    act(t.people.unmute, async () => (await posts.takeBack(WAYS[choice], item.id), done())),
  );
}

export default function friends({ query, life }) {
  const place = h("div", {}, rowBones(6));
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t.nav.people });
  const views = { friends: drawFriends, follows: drawFollows, requests: drawRequests, blocks: drawBlocks };
  let current = query.get("show") in views ? query.get("show") : "friends";

  const rows = (items, draw) => h("ul", { class: "rows" }, items.map((one) => h("li", {}, draw(one))));

  async function drawFriends() {
    const first = await people.friends();
    return first.items.length
      ? pagedRows(first, (one) => personRow(one), people.friends)
      : empty("people", t.people.noneTitle, t.people.noneText, h("a", { class: "button primary", href: "/discover" }, t.feed.findPeople));
  }

  async function drawFollows() {
    const first = await people.follows();
    return first.items.length
      ? pagedRows(first, (one) => personRow(one, { actions: act(t.people.unfollow, async () => (await people.follow(one.username, false), open("follows"))) }), people.follows)
      : empty("people", t.people.noFollowsTitle, t.people.noFollowsText, h("a", { class: "button primary", href: "/discover" }, t.feed.findPeople));
  }

  async function drawRequests() {
    const { items } = await people.requests();
    if (!items.length) return empty("userPlus", t.people.noRequestsTitle, t.people.noRequestsText);
    return rows(items, (one) => {
      const done = () => open("requests");
      const answer = h(
        "span",
        { class: "actions" },
        act(t.people.decline, async () => (await people.decline(one.id), done())),
        act(t.people.accept, async () => (await people.accept(one.id), done()), { primary: true }),
      );
      return personRow(one.user, { note: t.people.asked(one.incoming, ago(one.created_at)), actions: one.incoming ? answer : act(t.people.takeBack, async () => (await people.takeBack(one.id), done())) });
    });
  }

  async function drawBlocks() {
    const [first, muted, hidden] = await Promise.all([people.blocks(), posts.muted(), posts.hidden()]);
    const blocked = first.items.length
      ? pagedRows(first, (one) => personRow(one, { actions: act(t.people.unblock, async () => (await people.unblock(one.username), open("blocks"))) }), people.blocks)
      : empty("block", t.people.noBlocksTitle, t.people.noBlocksText);
    const section = (title, body) => h("section", {}, h("div", { class: "section-head" }, h("h2", {}, title)), body);
    const leftOut = pagedRows(muted, (one) => personRow(one, { actions: act(t.people.unmute, async () => (await posts.takeBack("muted", one.username), open("blocks"))) }), posts.muted);
    return [blocked, muted.items.length > 0 && section(t.people.muted, leftOut), hidden.items.length > 0 && section(t.people.hidden, pagedRows(hidden, (one) => hiddenRow(one, () => open("blocks")), posts.hidden))];
  }

  async function open(name) {
    current = name;
    for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.name === name));
    tabs.querySelector("[aria-selected=true]").scrollIntoView({ block: "nearest", inline: "nearest" });
    const drawn = await views[name]();
    if (current === name) fill(place, drawn);
  }
  tabs.append(...Object.keys(views).map((name) => h("button", { type: "button", role: "tab", data: { name }, onclick: () => open(name) }, t.people.tabs[name])));
  on("friend:request", () => current === "requests" && open("requests"), life);
  on("friend:accepted", () => open(current), life);

  const node = h(
    "div",
    { class: "page" },
    head(t.nav.people, { up: "/me", actions: [iconButton("share", t.friendLink.mine, () => friendLink({ life })), iconLink("search", t.people.find, "/discover")] }),
    h("div", { class: "column" }, tabs, place),
  );
  return { title: t.nav.people, node, ready: open(current) };
}
