import { people, posts } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { empty, broken } from "../parts/empty.js";
import { head } from "../parts/head.js";
import { act, personRow } from "../parts/person.js";
import { postCard } from "../parts/post.js";
import { rowBones } from "../parts/skeleton.js";
import { tile } from "../parts/tile.js";
import { tagPage } from "../parts/words.js";

// Long enough that a word is typed to its end, short enough that nobody waits.
const TYPING_MS = 250;
// The server's shortest search for people.
const SHORTEST = 2;
const KINDS = ["all", "people", "videos", "posts", "tags"];
// So many people stand above the rest; all of them under their own tab.
const FIRST_PEOPLE = 5;

export const searchPath = (q, kind = "all") => {
  const kept = new URLSearchParams({ ...(q && { q }), ...(kind !== "all" && { kind }) });
  return `/search${kept.size ? `?${kept}` : ""}`;
};

export const searchInput = (value = "") =>
  h("input", { class: "input", type: "search", value, placeholder: t.discover.search, "aria-label": t.discover.search, autocomplete: "off", autocapitalize: "none", enterkeyhint: "search", maxlength: 100 });

export default function search({ query, life }) {
  let q = (query.get("q") ?? "").trim();
  let kind = KINDS.includes(query.get("kind")) ? query.get("kind") : "all";
  const place = h("div", { class: "stack" });
  const input = searchInput(query.get("q") ?? "");
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t.search.kinds }, KINDS.map((one) => h("button", { type: "button", role: "tab", data: { kind: one }, onclick: () => ((kind = one), find()) }, t.search.tabs[one])));
  let asked = null; // what is under way; a newer search ends it

  async function find() {
    asked?.abort();
    asked = new AbortController();
    life.addEventListener("abort", () => asked.abort(), { once: true });
    for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.kind === kind));
    history.replaceState(history.state, "", searchPath(q, kind));
    document.title = `${q || t.search.title} · ${t.name}`;
    if (!q) return fill(place, empty("search", t.search.startTitle, t.search.startText));
    const { signal } = asked;
    fill(place, rowBones(4));
    try {
      const [known, found] = await Promise.all([somebody(signal), kind === "people" ? NOTHING : posts.search(q, { kind, signal })]);
      if (!signal.aborted) draw(known, found);
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return;
      if (!error.type) throw error;
      fill(place, broken(error, find));
    }
  }

  /** People with how we stand to them: what one may do with them is beside their name. */
  async function somebody(signal) {
    if (!["all", "people"].includes(kind) || q.startsWith("#") || q.length < SHORTEST) return [];
    const { items } = await people.search(q, { signal });
    return kind === "people" ? items : items.slice(0, FIRST_PEOPLE);
  }

  function draw(known, found) {
    if (!known.length && !found.tags.length && !found.items.length) return fill(place, empty("search", t.search.noneTitle, t.search.noneText(q)));
    fill(
      place,
      section(t.search.tabs.people, known.length && h("ul", { class: "rows" }, known.map((one) => h("li", {}, personRow(one))))),
      section(t.search.tabs.tags, found.tags.length && h("ul", { class: "tag-line" }, found.tags.map(({ tag, uses }) => h("li", {}, h("a", { class: "button compact", href: tagPage(tag) }, `#${tag}`, h("span", { class: "soft small" }, uses)))))),
    );
    more(found);
  }

  /** Videos as a grid, posts below one another; each further page comes below. */
  function more({ items, next_cursor: cursor }) {
    const films = items.filter((one) => one.kind === "video");
    const written = items.filter((one) => one.kind === "post");
    const next = cursor && act(t.search.more, async () => {
      const page = await posts.search(q, { kind, cursor, signal: asked.signal });
      next.remove();
      more(page);
    }, { compact: false });
    const parts = [
      section(t.search.tabs.videos, films.length && h("div", { class: "video-grid" }, films.map((one) => tile(one, "search")))),
      section(t.search.tabs.posts, written.length && h("div", { class: "stack" }, written.map((one) => postCard(one, life)))),
      next,
    ];
    place.append(...parts.filter(Boolean));
  }

  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (life.aborted || q === input.value.trim()) return;
      q = input.value.trim();
      find().catch(complain);
    }, TYPING_MS);
  });
  const field = h("form", { class: "search", role: "search", onsubmit: (event) => (event.preventDefault(), input.blur()) }, icon("search"), input);
  const node = h("div", { class: "page" }, head(t.search.title, { up: "/discover" }), h("div", { class: "column" }, field, tabs, place));
  // Typing goes on where it began, on the page before this one.
  setTimeout(() => {
    if (life.aborted || (q && !query.has("typed"))) return;
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  }, 0);
  return { title: q || t.search.title, node, ready: find() };
}

const NOTHING = { items: [], tags: [], next_cursor: null };
const section = (title, content) => (content ? h("section", {}, h("div", { class: "section-head" }, h("h2", {}, title)), content) : null);
