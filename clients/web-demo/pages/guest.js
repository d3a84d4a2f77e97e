import { lives } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { back, go } from "../core/router.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { guests } from "../live/guests.js";
import { room } from "../live/room.js";
import { camera, clockFace, stop } from "../media/source.js";
import { Viewer } from "../media/whep.js";
import { Publisher } from "../media/whip.js";
import { account } from "../core/session.js";
import { iconButton } from "../parts/head.js";
import { nameOf } from "../parts/avatar.js";

/** Being in somebody's live: the host large, oneself small. The right to publish comes in the part of the address that no server sees. */
export default function guest({ params, life }) {
  const given = new URLSearchParams(location.hash.slice(1));
  const [token, publication] = [given.get("token"), given.get("publication")];
  const video = h("video", { playsinline: true, autoplay: true, muted: true, class: "fills", "aria-label": t.live.picture });
  const own = h("video", { playsinline: true, autoplay: true, muted: true, class: "mirrored", "aria-label": t.host.preview });
  const join = h("button", { class: "button live", type: "button" }, icon("camera", 20), t.guest.join);
  const top = h("div", { class: "top-line" }, iconButton("back", t.back, () => back(`/watch/${params.live}`)), h("span", { class: "grow" }));
  const picture = h("div", { class: "picture" }, h("div", { class: "frame" }, video, h("div", { class: "shade" })), top);
  const node = h("div", { class: "live-page on-picture" }, picture);

  async function open() {
    const live = await lives.live(params.live);
    if (life.aborted) return;
    if (!token || live.state === "ended") return go(`/watch/${params.live}`, { replace: true });
    const viewer = new Viewer(live.whep);
    video.srcObject = viewer.stream;
    viewer.start();
    life.addEventListener("abort", () => viewer.stop());
    const others = guests(live, { life, except: publication });
    const self = h("div", { class: "guest self" }, own);
    others.node.prepend(self);
    picture.append(others.node);
    node.append(room(live, { life, onpublications: others.update, onended: () => go(`/watch/${live.id}`, { replace: true }), extra: [join] }));
    const stream = await camera().catch(() => clockFace(nameOf(account())));
    life.addEventListener("abort", () => stop(stream));
    own.srcObject = stream;
    let publisher = null;
    life.addEventListener("abort", () => publisher?.stop());
    join.addEventListener("click", async () => {
      if (publisher) {
        publisher.stop();
        publisher = null;
        join.replaceChildren(icon("camera", 20), t.guest.join);
        return;
      }
      join.disabled = true;
      publisher = new Publisher({ endpoint: `/whip/${live.id}`, token, stream });
      try {
        await publisher.start();
        join.replaceChildren(icon("close", 20), t.guest.leave);
      } catch (error) {
        publisher = null;
        complain(error);
      }
      join.disabled = false;
    });
  }
  return { title: t.guest.title, node, ready: open() };
}
