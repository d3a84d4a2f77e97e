// Images, voice and videos of messages: fetched once by their signed address, kept on this device, then let go by the server.
import { conversations as api } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { span } from "../core/times.js";
import * as history from "./history.js";

const shown = new Map(); // attachment id → address in this page
const fetching = new Map(); // one fetch for each, however often it is drawn

/** An address of the bytes; from this device where they are kept. */
async function addressOf({ id, blob }, conversation) {
  if (blob) return URL.createObjectURL(blob);
  if (shown.has(id)) return shown.get(id);
  if (!fetching.has(id)) fetching.set(id, load(id, conversation).finally(() => fetching.delete(id)));
  return fetching.get(id);
}

async function load(id, conversation) {
  let kept = await history.media(id);
  if (!kept) {
    const { url } = await api.attachment(id);
    const response = await fetch(url);
    if (!response.ok) throw new Error(t.messages.gone);
    kept = { id, conversation, blob: await response.blob() };
    await history.keepMedia(kept);
    // Only now: what the server may forget lies on this disk.
    api.kept(id).catch(() => null);
  }
  shown.set(id, URL.createObjectURL(kept.blob));
  return shown.get(id);
}

/** The element of an attachment; sized before it is there, so that nothing moves. */
export function mediaOf(attachment, conversation) {
  const { kind, meta = {} } = attachment;
  const gone = () => place.replaceChildren(h("span", { class: "gone" }, icon("info", 18), t.messages.gone));
  const place = h("div", { class: ["media", kind], style: meta.width ? { "--ratio": `${meta.width} / ${meta.height}` } : {} });
  const show = async (make) => {
    try {
      place.replaceChildren(make(await addressOf(attachment, conversation)));
    } catch {
      gone();
    }
  };
  if (kind === "image") show((source) => h("a", { href: source, target: "_blank", "aria-label": t.messages.openImage }, h("img", { src: source, alt: t.messages.kinds.image, decoding: "async" })));
  else if (kind === "video") show((source) => h("video", { src: source, controls: true, playsinline: true, preload: "metadata", "aria-label": t.messages.kinds.video }));
  else {
    show((source) => h("audio", { src: source, controls: true, preload: "metadata", "aria-label": t.messages.kinds.voice }));
    if (meta.duration_ms) place.dataset.length = span(meta.duration_ms / 1000);
  }
  return place;
}
