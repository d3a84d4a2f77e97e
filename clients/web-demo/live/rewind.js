// Going back within a live: ten seconds at a time, or along the line; and to the newest again.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";

const STEP_S = 10;

/** The control for `ways`; empty where the live cannot be rewound. */
export function rewind(ways) {
  if (!ways.canRewind) return null;
  const back = h("button", { class: "icon-button", type: "button", "aria-label": t.live.back10, title: t.live.back10, onclick: () => ways.rewind(STEP_S) }, icon("rewind"));
  const line = h("input", { class: "line", type: "range", min: 0, max: 1000, step: 1, value: 1000, "aria-label": t.live.position });
  const behind = h("span", { class: "tabular small behind" });
  const now = h("button", { class: "button small", type: "button", onclick: () => ways.toLive() }, t.live.toLive);
  const node = h("div", { class: "rewind", role: "group", "aria-label": t.live.rewind }, back, line, behind, now);
  let held = false;

  const draw = () => {
    const place = ways.delayed?.place;
    const isBack = ways.way === "hls" && place && !ways.delayed.isLive;
    // By HLS for another reason than a full room: WebRTC may be tried again from the newest, too.
    const isAside = ways.way === "hls" && ways.live.playback !== "hls";
    node.classList.toggle("back", Boolean(isBack) || isAside);
    if (!place || held) return;
    line.value = Math.round((1000 * (place.now - place.start)) / Math.max(1, place.end - place.start));
    behind.textContent = isBack ? t.live.behind(Math.round(place.behind)) : "";
    line.setAttribute("aria-valuetext", isBack ? t.live.behind(Math.round(place.behind)) : t.live.badge);
  };
  line.addEventListener("input", () => (held = true));
  line.addEventListener("change", () => {
    held = false;
    const place = ways.delayed?.place;
    if (place) ways.delayed.seek(place.start + ((place.end - place.start) * Number(line.value)) / 1000);
    else ways.rewind(STEP_S);
  });
  ways.addEventListener("time", draw);
  ways.addEventListener("way", draw);
  draw();
  return node;
}
