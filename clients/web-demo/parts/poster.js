// The moment of a video that stands for it: chosen by its stills.
import { videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { sprites } from "./sprites.js";

/** Null where there are no stills to choose from. */
export async function posterChoice(video) {
  if (!video.sprites) return null;
  const tile = await sprites(video.sprites).catch(() => null);
  if (!tile) return null;
  const range = h("input", { type: "range", min: 0, max: video.duration_s, step: 0.1, value: 0, "aria-label": t.upload.poster });
  const place = h("div", {}, tile(0));
  range.addEventListener("input", () => tile(range.valueAsNumber));
  const save = h("button", { class: "button", type: "button" }, t.upload.posterSave);
  save.addEventListener("click", async () => {
    await videos.edit(await videos.video(video.id), { poster_at_s: Math.min(range.valueAsNumber, video.duration_s) }).then(() => toast(t.upload.posterSaved), complain);
  });
  return h("div", { class: "poster-choice" }, h("p", { class: "strong" }, t.upload.poster), place, range, save);
}
