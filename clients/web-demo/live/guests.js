// The guests of a live: a small picture for each that is on, the one who speaks marked.
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { on } from "../realtime/link.js";
import { Viewer } from "../media/whep.js";

/**
 * Tiles that follow the live's publications until `life` ends; the host's own picture and `except` (one's own) are not among them.
 * `speaks(publication)` is called with who speaks now, the host's publication included.
 */
export function guests(live, { life, except = null, speaks = () => {} }) {
  const node = h("div", { class: "guests", role: "group", "aria-label": t.live.guests });
  const tiles = new Map();
  let speaker = null;

  const add = ({ id, username }) => {
    const viewer = new Viewer(`${live.whep}?publication=${encodeURIComponent(id)}&max_height=360`);
    const video = h("video", { playsinline: true, autoplay: true, muted: true, "aria-label": t.live.guest(username) });
    video.srcObject = viewer.stream;
    viewer.start();
    const hear = h("button", { class: "guest", type: "button", "aria-pressed": "false", title: t.live.guest(username) }, video, h("span", { class: "small clip" }, username));
    // With sound once the person has touched it: browsers ask for that.
    hear.addEventListener("click", () => {
      video.muted = !video.muted;
      hear.setAttribute("aria-pressed", String(!video.muted));
      video.play().catch(() => null);
    });
    tiles.set(id, { viewer, node: hear });
    node.append(hear);
  };
  const drop = (id) => {
    tiles.get(id).viewer.stop();
    tiles.get(id).node.remove();
    tiles.delete(id);
  };
  const mark = () => {
    for (const [id, tile] of tiles) tile.node.classList.toggle("speaks", id === speaker);
    speaks(speaker);
  };
  const update = (publications) => {
    const here = publications.filter((one) => one.kind === "guest" && one.id !== except);
    for (const id of [...tiles.keys()]) if (!here.some((one) => one.id === id)) drop(id);
    for (const one of here) if (!tiles.has(one.id)) add(one);
    mark();
  };
  const mine = (handler) => (data) => data.live === live.id && handler(data);
  on("live:publications", mine((data) => update(data.publications)), life);
  on("live:speaker", mine((data) => ((speaker = data.publication), mark())), life);
  life.addEventListener("abort", () => [...tiles.keys()].forEach(drop));
  return { node, update };
}
