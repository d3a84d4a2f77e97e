// The bar under a video: how far it is, and a way to any other moment, with a still of it while one looks for it.
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { span } from "../core/times.js";
import { sprites } from "./sprites.js";

export function scrub(video, item) {
  const bar = h("i", {});
  const label = h("span", { class: "tabular" });
  const hint = h("span", { class: "scrub-hint", hidden: true }, label);
  const range = h("input", { type: "range", min: 0, max: 1000, step: 1, value: 0, "aria-label": t.feed.seek });
  const node = h("div", { class: "progress seekable" }, bar, range, hint);
  const length = () => (Number.isFinite(video.duration) && video.duration > 0 ? video.duration : item.duration_s);
  let tile = null; // null before the stills are asked for; a promise of `tile(second)` afterwards

  async function look(part) {
    const second = part * length();
    label.textContent = span(second);
    hint.hidden = false;
    hint.style.setProperty("--at", String(part));
    tile ??= item.sprites ? sprites(item.sprites).catch(() => null) : Promise.resolve(null);
    const found = await tile;
    if (found) hint.prepend(found(second));
  }
  const leave = () => (hint.hidden = true);

  range.addEventListener("input", () => {
    const part = range.valueAsNumber / 1000;
    video.currentTime = part * length();
    look(part);
  });
  range.addEventListener("pointermove", (event) => {
    const box = range.getBoundingClientRect();
    look(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  });
  for (const name of ["pointerleave", "pointerup", "change", "blur"]) range.addEventListener(name, leave);
  video.addEventListener("timeupdate", () => {
    const part = video.currentTime / (length() || 1);
    bar.style.scale = `${part} 1`;
    if (document.activeElement !== range) range.value = String(part * 1000);
    range.setAttribute("aria-valuetext", span(video.currentTime));
  });
  return node;
}
