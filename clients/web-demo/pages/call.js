import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { hangUp, over, present } from "../calls/now.js";
import { duration } from "../live/clock.js";
import { whenPublished } from "../live/published.js";
import { camera, clockFace, stop } from "../media/source.js";
import { Viewer } from "../media/whep.js";
import { Publisher } from "../media/whip.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { iconButton } from "../parts/head.js";
import { on } from "../realtime/link.js";

/** A call between two people: the other fills the screen, oneself is in the corner. */
export default function call({ params, life }) {
  const held = present(params.call);
  if (!held) {
    // A call belongs to the tab that made or answered it; after a reload its place is lost.
    hangUp(params.call);
    go("/messages", { replace: true });
    return { title: t.calls.title, node: h("div", {}) };
  }
  const state = h("p", { class: "soft", role: "status" }, held.live ? t.calls.connecting : t.calls.ringing);
  const far = h("video", { class: "far", autoplay: true, playsinline: true, "aria-label": nameOf(held.peer) });
  const near = h("video", { class: "near", autoplay: true, playsinline: true, muted: true, "aria-label": t.calls.yourself });
  const card = h("div", { class: "calling-card" }, avatar(held.peer, "large"), h("strong", {}, nameOf(held.peer)), state);
  let stream = null;
  let publisher = null;
  let viewer = null;

  const toggle = (kind, onIcon, offIcon, onWord, offWord) => {
    const button = iconButton(onIcon, onWord, () => {
      const track = stream?.getTracks().find((one) => one.kind === kind);
      if (!track) return;
      track.enabled = !track.enabled;
      button.replaceChildren(icon(track.enabled ? onIcon : offIcon));
      button.setAttribute("aria-label", track.enabled ? onWord : offWord);
      button.setAttribute("aria-pressed", String(!track.enabled));
    });
    return button;
  };
  const end = h("button", { class: "button danger", type: "button" }, icon("hangUp", 20), t.calls.hangUp);
  end.addEventListener("click", () => hangUp(held.call));
  const node = h(
    "div",
    { class: ["call-stage", !held.video && "voice"] },
    far,
    card,
    near,
    h(
      "div",
      { class: "call-bar" },
      toggle("audio", "mic", "micOff", t.calls.mute, t.calls.unmute),
      held.video && toggle("video", "camera", "eyeOff", t.calls.hide, t.calls.show),
      end,
    ),
  );

  async function prepare() {
    stream = await camera().catch(() => clockFace(t.calls.yourself));
    if (life.aborted) return stop(stream);
    if (!held.video) for (const track of stream.getVideoTracks()) (track.stop(), stream.removeTrack(track));
    near.srcObject = stream;
    near.hidden = !held.video;
    if (held.live) await connect(held.live);
  }

  async function connect(live) {
    if (publisher || !stream) return;
    state.textContent = t.calls.connecting;
    publisher = new Publisher({ endpoint: live.whip, token: live.token, stream });
    viewer = new Viewer(live.whep);
    far.srcObject = viewer.stream;
    viewer.addEventListener("state", ({ detail }) => {
      const here = detail === "watching";
      node.classList.toggle("connected", here);
      if (here && !state.dataset.since) {
        state.dataset.since = String(Date.now());
        duration(state, Date.now(), life);
      } else if (!here && state.dataset.since) state.textContent = t.calls.lost;
      if (here) far.play().catch(() => null);
    });
    whenPublished(live.id, live.peer_publication, life).then(() => life.aborted || viewer.start());
    await publisher.start();
  }

  function leave(reason) {
    over(held.call);
    if (reason) toast(t.calls.reasons[reason] ?? t.calls.over, { icon: "phone" });
    if (!life.aborted) go("/messages", { replace: true });
  }

  on("call:accepted", ({ call: id, live }) => {
    if (id !== held.call) return;
    held.live = live;
    connect(live).catch(complain);
  }, life);
  on("call:ended", ({ call: id, reason }) => id === held.call && leave(reason), life);
  life.addEventListener("abort", () => {
    publisher?.stop();
    viewer?.stop();
    stop(stream);
    if (present(held.call)) {
      hangUp(held.call);
      over(held.call);
    }
  });
  return { title: t.calls.with(nameOf(held.peer)), node, ready: prepare() };
}
