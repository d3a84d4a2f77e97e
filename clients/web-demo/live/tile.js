// A live that is on now, as a card in a shelf.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber } from "../core/times.js";
import { avatar, nameOf } from "../parts/avatar.js";

export function liveTile(live) {
  return h(
    "a",
    { class: ["tile live-tile", !live.poster && "bare"], href: `/watch/${live.id}?from=other` },
    live.poster ? h("img", { src: live.poster, alt: "", loading: "lazy" }) : h("span", { class: "face" }, avatar(live.owner, "large", { onAir: true })),
    h(
      "span",
      { class: "over" },
      h("span", { class: "line-up" }, h("span", { class: "tag live" }, t.live.badge), h("span", { class: "tag" }, icon("eye"), shortNumber(live.viewers)), t.discover.liveReasons[live.reason] && h("span", { class: "tag" }, t.discover.liveReasons[live.reason])),
      h("span", { class: "stack tight" }, live.poster && avatar(live.owner, "small", { onAir: true }), h("span", { class: "caption" }, live.title || t.live.of(nameOf(live.owner))), live.title && h("span", { class: "small clip" }, nameOf(live.owner))),
    ),
  );
}
