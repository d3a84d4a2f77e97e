// How one's own video does: numbers of groups of people, who stays to which part, and whence they came.
import { videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { shortNumber, span } from "../core/times.js";
import { broken } from "./empty.js";
import { sheet } from "./sheet.js";
import { textBones } from "./skeleton.js";

export function insights(video, life) {
  const words = t.insights;
  const place = h("div", { class: "stack insights" }, textBones(4));
  sheet(words.title, place, { life });
  const draw = (found) => {
    const facts = { ...found, average: found.average_watched_s === null ? null : span(found.average_watched_s) };
    const value = (name) => (facts[name] === null ? "–" : typeof facts[name] === "number" ? shortNumber(facts[name]) : facts[name]);
    const bar = (share, i) => h("li", { style: { "--share": String(share) }, "aria-label": words.part(i + 1, Math.round(share * 100)) });
    const sources = Object.entries(found.sources);
    fill(
      place,
      h("dl", { class: "insight-facts" }, Object.entries(words.facts).map(([name, label]) => h("div", {}, h("dt", {}, label), h("dd", {}, value(name))))),
      h("h3", {}, words.retention),
      found.retention ? h("ol", { class: "retention" }, found.retention.map(bar)) : h("p", { class: "soft small" }, words.few),
      sources.length > 0 && [h("h3", {}, words.sources), h("dl", { class: "facts" }, sources.flatMap(([name, count]) => [h("dt", {}, words.source[name] ?? name), h("dd", {}, shortNumber(count))]))],
    );
  };
  const ask = () => videos.insights(video.id).then(draw, (error) => fill(place, broken(error, ask)));
  ask();
}
