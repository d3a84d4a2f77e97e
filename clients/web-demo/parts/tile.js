// A video as a tile of a grid: its poster, its title, and how it stands.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber, span } from "../core/times.js";

/** `from`: the page that it stands on, so that its owner learns whence views come. */
export function tile(video, from = "profile") {
  // While it is being made ready, taken down, or could not be made: the words stand where the views would.
  const badge = { processing: [t.video.processing, "warning"], failed: [t.video.failed, "bad"], removed: [t.video.hidden, "bad"] }[video.status];
  const picture = video.poster && h("img", { src: video.poster, alt: "", loading: "lazy" });
  // A few moving pictures while one points at it or stands on it, for those who want things to move.
  const move = () => video.preview && picture && !matchMedia("(prefers-reduced-motion: reduce)").matches && (picture.src = video.preview);
  const rest = () => picture && (picture.src = video.poster);
  return h(
    "a",
    { class: "tile own-video", href: `/video/${video.id}?from=${from}`, data: { id: video.id }, onpointerenter: move, onpointerleave: rest, onfocus: move, onblur: rest },
    picture,
    h(
      "span",
      { class: "over" },
      h("span", { class: "line-up" }, badge ? h("span", { class: ["tag", badge[1]] }, badge[0]) : h("span", { class: "tag" }, icon("play"), shortNumber(video.views))),
      h("span", { class: "caption" }, video.title || t.feed.untitled, video.part > 1 ? h("span", { class: "small" }, ` · ${t.feed.part(video.part)}`) : null, video.duration_s ? h("span", { class: "small tabular" }, ` · ${span(video.duration_s)}`) : null),
    ),
  );
}
