// Which layer of a live one watches: by itself, or no more than one asks for. And what the line does, where it carries no picture.
import { get, put } from "../core/http.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { menu } from "../parts/sheet.js";

/** Opens the choice for a running WHEP session. Its address takes what a viewer wishes (`…/layers`). */
export async function chooseQuality(viewer, life) {
  if (!viewer.place) return;
  const path = `${new URL(viewer.place).pathname}/layers`;
  const found = await get(path).catch(complain);
  if (!found) return;
  const wish = (rid) => put(path, { rid, max_height: null }).catch(complain);
  const layers = found.layers.filter((one) => one.bitrate_bps).reverse();
  menu(
    t.live.quality,
    [
      { icon: found.rid === null ? "check" : "settings", label: t.live.automatic(named(found.layers.find((one) => one.rid === found.current))), onclick: () => wish(null) },
      ...layers.map((one) => ({ icon: found.rid === one.rid ? "check" : "eye", label: named(one), onclick: () => wish(one.rid) })),
    ],
    life,
  );
}

function named(layer) {
  if (!layer) return t.live.soundOnly;
  const kbps = Math.round(layer.bitrate_bps / 1000);
  return layer.height ? t.live.layer(layer.height, kbps) : t.live.kbps(kbps);
}
