import { lives } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { onceKey } from "../core/http.js";
import { back } from "../core/router.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { onAir } from "../live/host.js";
import { goOutside, outside } from "../live/outside.js";
import { camera, cameras, clockFace, stop } from "../media/source.js";
import { nameOf } from "../parts/avatar.js";
import { field, form, select } from "../parts/field.js";
import { iconButton } from "../parts/head.js";
import { act } from "../parts/person.js";

const CLOCK = "clock";
// Three encoders at once are too much for a small machine; who has one may still ask for them.
const CORES_FOR_SIZES = 4;
// What a live may ask for, as far as this browser makes it.
const CODECS = ["h264", "vp9", "av1"];
const made = () => {
  const known = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs.map((one) => one.mimeType.toLowerCase()) ?? [];
  return CODECS.filter((name) => name === CODECS[0] || known.includes(`video/${name}`));
};

/** Choose, look at oneself, go live. What happens on air is in live/host.js. */
export default function goLive({ query, life }) {
  if (query.has("live")) return outside(query.get("live"), life);
  const preview = h("video", { class: "mirrored", playsinline: true, autoplay: true, muted: true, "aria-label": t.host.preview });
  const source = h("select", { name: "source", "aria-label": t.host.camera });
  const note = h("div", { class: "note warning", role: "status", hidden: true });
  const picture = h("div", { class: "picture" }, h("div", { class: "frame" }, preview, h("div", { class: "shade" })), h("div", { class: "top-line" }, iconButton("close", t.close, () => back("/"))));
  const node = h("div", { class: "live-page on-picture setting-up" }, picture);
  let stream = null;
  let kept = false;

  async function choose(id) {
    stop(stream);
    note.hidden = true;
    stream = null;
    if (id !== CLOCK) {
      stream = await camera(id || null).catch((error) => {
        note.hidden = false;
        note.replaceChildren(icon("camera", 20), h("span", {}, t.host.noCamera[error.name] ?? t.host.noCamera.other));
        return null;
      });
    }
    const drawn = !stream;
    stream ??= clockFace(t.host.clockLabel(nameOf(account())));
    if (life.aborted && !kept) return stop(stream);
    source.value = drawn ? CLOCK : (stream.getVideoTracks()[0].getSettings().deviceId ?? source.value);
    preview.classList.toggle("mirrored", !drawn);
    preview.classList.toggle("fills", true);
    preview.srcObject = stream;
  }

  async function list() {
    const found = await cameras();
    source.replaceChildren(
      ...found.map((one, i) => h("option", { value: one.deviceId }, one.label || t.host.cameraNumber(i + 1))),
      h("option", { value: CLOCK }, t.host.clock),
    );
  }
  source.addEventListener("change", () => choose(source.value).catch(complain));

  const asked = ({ title, ...rest }) => ({ title: title.trim() || t.host.untitled(nameOf(account())), ...rest });
  const panel = form(
    {
      submit: t.nav.goLive,
      act: async ({ title, visibility, record, sizes, codec }) => {
        await ready;
        const live = await lives.create(asked({ title, visibility, record, codec }), onceKey());
        kept = true;
        panel.hidden = true;
        await onAir({ node, picture, preview, stream, live, life, sizes, codec }).catch((error) => {
          // Back to the choice, with the words of what went wrong.
          lives.end(live.id).catch(() => null);
          panel.hidden = false;
          throw error;
        });
        panel.remove();
      },
    },
    field("title", t.host.title, { maxlength: 100, placeholder: t.host.titlePlaceholder, autocomplete: "off" }),
    h("div", { class: "row" }, field("source", t.host.camera, { control: source }), select("visibility", t.host.visibility, Object.entries(t.host.visibilities), { value: "everyone" })),
    select("codec", t.host.codec, made().map((name) => [name, t.host.codecs[name]])),
    h("label", { class: "between" }, h("span", {}, t.host.record), h("input", { class: "switch", type: "checkbox", name: "record", checked: true })),
    h("label", { class: "between" }, h("span", {}, t.host.sizes), h("input", { class: "switch", type: "checkbox", name: "sizes", checked: (navigator.hardwareConcurrency ?? 2) >= CORES_FOR_SIZES })),
    note,
    act(t.host.outside.go, () => {
      const given = new FormData(panel);
      return goOutside(asked({ title: given.get("title"), visibility: given.get("visibility"), record: given.has("record"), codec: given.get("codec") }), onceKey());
    }, { icon: "link" }),
  );
  panel.classList.add("host-set");
  panel.querySelector("[type=submit]").classList.replace("primary", "live");
  picture.append(panel);
  life.addEventListener("abort", () => stop(stream));

  const ready = (async () => {
    await list();
    const any = source.options.length > 1;
    await choose(any ? null : CLOCK);
    // Names of cameras are told only after the permission.
    const chosen = source.value || stream.getVideoTracks()[0].getSettings().deviceId;
    await list();
    source.value = [...source.options].some((option) => option.value === chosen) ? chosen : CLOCK;
  })();
  return { title: t.nav.goLive, node, ready };
}
