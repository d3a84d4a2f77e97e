import { lives, people, posts } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { liveTile } from "../live/tile.js";
import { empty } from "../parts/empty.js";
import { head, iconLink } from "../parts/head.js";
import { personRow } from "../parts/person.js";
import { postCard } from "../parts/post.js";
import { goOn } from "../parts/rows.js";
import { rowBones } from "../parts/skeleton.js";
import { tile } from "../parts/tile.js";

// Long enough that a word is typed to its end, short enough that nobody waits.
const TYPING_MS = 250;
// The server's shortest search.
const SHORTEST = 2;

export default function discover({ life }) {
  const shelf = h("div", {});
  const list = h("div", {}, rowBones(6));
  const content = h("section", { class: "stack", hidden: true });
  const listTitle = h("h2", {}, t.discover.people);
  const input = h("input", { class: "input", type: "search", placeholder: t.discover.search, "aria-label": t.discover.search, autocomplete: "off", autocapitalize: "none" });

  const draw = (items, none) => fill(list, items.length ? h("ul", { class: "rows" }, items.map((one) => h("li", {}, personRow(one, { note: t.discover.reasons[one.reason]?.(one) })))) : none);

  async function suggest() {
    listTitle.textContent = t.discover.people;
    content.hidden = true;
    draw((await people.discover()).items, empty("people", t.discover.nobodyTitle, t.discover.nobodyText));
  }

  async function find(q) {
    listTitle.textContent = t.discover.found(q);
    const isTag = q.startsWith("#");
    const [{ items }, found] = await Promise.all([isTag ? { items: [] } : people.search(q, { signal: life }), posts.search(q, { signal: life })]);
    if (input.value.trim() !== q) return;
    const more = found.items.length > 0 || found.tags.length > 0;
    draw(items, more ? [] : empty("search", t.discover.noneTitle, t.discover.noneText(q)));
    content.hidden = !more;
    const films = found.items.filter((one) => one.kind === "video");
    const written = found.items.filter((one) => one.kind === "post");
    fill(
      content,
      found.tags.length > 0 && h("div", { class: "tag-line", role: "group", "aria-label": t.discover.tags }, found.tags.map(({ tag, uses }) => h("button", { class: "button compact", type: "button", onclick: () => look(`#${tag}`) }, `#${tag}`, h("span", { class: "soft small" }, uses)))),
      found.items.length > 0 && h("h2", {}, t.discover.content),
      films.length > 0 && h("div", { class: "video-grid" }, films.map(tile)),
      written.map((one) => postCard(one, life)),
    );
  }

  function look(q) {
    input.value = q;
    find(q).catch(complain);
  }

  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const q = input.value.trim();
    timer = setTimeout(() => (q.length >= SHORTEST ? find(q) : suggest()).catch(complain), TYPING_MS);
  });

  async function drawLives() {
    const { items } = await lives.discover();
    fill(shelf, h("div", { class: "section-head" }, h("h2", {}, t.discover.lives)), items.length ? h("div", { class: "shelf", tabindex: "0", role: "group", "aria-label": t.discover.lives }, items.map(liveTile)) : quiet());
  }

  const node = h(
    "div",
    { class: "page" },
    head(t.nav.discover, { actions: [iconLink("people", t.nav.people, "/people")] }),
    h("div", { class: "column" }, h("div", { class: "search" }, icon("search"), input), shelf, ways(), h("section", {}, h("div", { class: "section-head" }, listTitle), list), content),
  );
  return { title: t.nav.discover, node, ready: Promise.all([suggest(), drawLives()]) };
}

const ways = () =>
  h("div", { class: "card" }, h("div", { class: "settings-group" }, goOn("userPlus", t.meet.title, "/meet", t.meet.short), goOn("people", t.contacts.title, "/contacts", t.contacts.short)));

const quiet = () => h("div", { class: "card between" }, h("p", { class: "soft" }, t.discover.quiet), h("a", { class: "button compact primary", href: "/live" }, icon("live", 18), t.nav.goLive));
