import { lives, posts, videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { shortNumber, span } from "../core/times.js";
import { bar, curve } from "../media/curve.js";
import { empty } from "../parts/empty.js";
import { head } from "../parts/head.js";
import { textBones } from "../parts/skeleton.js";

// Of each kind: what is asked, and where it is shown.
const KINDS = {
  video: { read: videos.video, ask: videos.insights, href: (id) => `/video/${id}` },
  post: { read: posts.post, ask: posts.insights, href: (id) => `/post/${id}` },
  live: { read: lives.live, ask: lives.insights, href: () => "/me" },
};

/** How a video, a post or a live of one's own does: figures, the curve of who stays, whence people came. Groups of people only. */
export default function insights({ params, life }) {
  const [[kind, id]] = Object.entries(params);
  const of = KINDS[kind];
  const place = h("div", { class: "column insights" }, textBones(8));

  async function open() {
    const gone = (error) => {
      if (![403, 404, 410, 451].includes(error.status)) throw error;
      fill(place, empty("chart", t.insights.noneTitle, t.insights.noneText, h("a", { class: "button primary", href: "/me" }, t.nav.me)));
    };
    const found = await Promise.all([of.ask(id), of.read(id)]).catch(gone);
    if (!found || life.aborted) return;
    const [figures, item] = found;
    fill(
      place,
      h("div", { class: "insights-head" }, still(item, of.href(id)), h("div", { class: "stack tight" }, h("h2", { class: "clip" }, named(item)), h("p", { class: "soft small" }, lasting(figures, item)), item.live_id && h("a", { class: "small", href: `/live/${item.live_id}/insights` }, t.insights.ofLive))),
      h("dl", { class: "insight-figures" }, numbers(figures).flatMap(([name, value]) => h("div", { class: "card" }, h("dt", { class: "soft small" }, name), h("dd", {}, value)))),
      kind === "live" && card(t.insights.audience, audience(figures)),
      kind !== "post" && card(t.insights.retention, retention(figures)),
      card(t.insights.sources, sources(figures)),
      h("p", { class: "soft small" }, t.insights.privacy),
    );
  }
  return { title: t.insights.title, node: h("div", { class: "page" }, head(t.insights.title, { up: of.href(id) }), place), ready: open() };
}

const named = (item) => item.title || item.text || t.feed.untitled;
const lasting = ({ duration_s: length, reading_s: reading }, { state }) => (reading === undefined ? (state === "live" ? t.insights.sofar : t.insights.length)(span(length)) : t.insights.reading(span(Math.ceil(reading))));

function still(item, href) {
  const picture = item.poster ?? item.images?.[0]?.files["320"] ?? item.video?.poster;
  return picture && h("a", { class: "tile", href, "aria-label": named(item) }, h("img", { src: picture, alt: "" }));
}

const card = (title, ...children) => h("section", { class: "card pad stack" }, h("h2", {}, title), ...children);

function numbers({ views, viewers, watched_s: watched, average_watched_s: average, likes, comments, shares, peak_viewers: most }) {
  const few = t.insights.tooFew;
  return [
    [t.insights.views, shortNumber(views)],
    [t.insights.viewers, viewers === null ? few : shortNumber(viewers)],
    [t.insights.watched, watched === null ? few : span(watched)],
    [t.insights.average, average === null ? few : span(average)],
    [t.insights.most, most === undefined ? null : shortNumber(most)],
    [t.insights.likes, likes === undefined ? null : shortNumber(likes)],
    [t.insights.comments, comments === undefined ? null : shortNumber(comments)],
    [t.insights.shares, shortNumber(shares)],
  ].filter(([, value]) => value !== null);
}

const percent = (part) => `${Math.round(part * 100)} %`;

function retention({ retention: parts, duration_s: length }) {
  if (!parts) return h("p", { class: "soft" }, t.insights.fewViewers);
  const at = (i) => span((i * length) / parts.length);
  const words = t.insights.stays(percent(parts[0]), percent(parts[Math.floor(parts.length / 2)]), percent(parts.at(-1)));
  const row = (part, i) => h("tr", {}, h("th", { scope: "row" }, at(i)), h("td", {}, percent(part)));
  return [
    h("figure", { class: "stack tight" }, curve(parts, words), h("div", { class: "between soft small tabular", "aria-hidden": "true" }, h("span", {}, span(0)), h("span", {}, span(length))), h("figcaption", { class: "small" }, words)),
    h("details", {}, h("summary", { class: "small" }, t.insights.asTable), h("table", { class: "queue tabular" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t.insights.from), h("th", { scope: "col" }, t.insights.watching))), h("tbody", {}, parts.map(row)))),
  ];
}

/** How many watched in each minute of a live. */
function audience({ audience: minutes, duration_s: length }) {
  if (!minutes) return h("p", { class: "soft" }, t.insights.fewViewers);
  const top = Math.max(...minutes, 1);
  const words = t.insights.minutes(shortNumber(Math.round(top)), span(minutes.indexOf(Math.max(...minutes)) * 60));
  const line = minutes.length > 1 ? minutes : [...minutes, ...minutes];
  return h("figure", { class: "stack tight" }, curve(line.map((count) => count / top), words), h("div", { class: "between soft small tabular", "aria-hidden": "true" }, h("span", {}, span(0)), h("span", {}, span(length))), h("figcaption", { class: "small" }, words));
}

function sources({ sources: known }) {
  const all = Object.entries(known).sort(([, one], [, other]) => other - one);
  const sum = all.reduce((total, [, count]) => total + count, 0);
  if (!sum) return h("p", { class: "soft" }, t.insights.noViews);
  return h("ul", { class: "stack tight" }, all.map(([name, count]) => h("li", { class: "source" }, h("span", {}, t.insights.places[name] ?? name), bar(count / sum), h("span", { class: "tabular small" }, `${shortNumber(count)} · ${percent(count / sum)}`))));
}
