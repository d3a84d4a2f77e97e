import { lives } from "../api/index.js";
import { Beats } from "../core/beats.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { back, go } from "../core/router.js";
import { account } from "../core/session.js";
import { firstPicture } from "../core/telemetry.js";
import { t } from "../core/text.js";
import { shortNumber } from "../core/times.js";
import { toast } from "../core/toast.js";
import { duration } from "../live/clock.js";
import { guests } from "../live/guests.js";
import { chooseQuality } from "../live/quality.js";
import { rewind } from "../live/rewind.js";
import { room } from "../live/room.js";
import { Ways } from "../live/ways.js";
import { on } from "../realtime/link.js";
import { play } from "../media/playback.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { iconButton } from "../parts/head.js";
import { report } from "../parts/report.js";
import { share } from "../parts/share.js";
import { menu } from "../parts/sheet.js";
import { sourceOf } from "../parts/source.js";

const REPLAY_EVERY_MS = 3000;
const REPLAY_TRIES = 4;

export default function watch({ params, query, life }) {
  const began = performance.now();
  const video = h("video", { playsinline: true, autoplay: true, "aria-label": t.live.picture });
  const veil = h("div", { class: "veil light" }, h("div", { class: "spinner", role: "status", "aria-label": t.live.connecting }));
  // The picture fills the screen; a tap shows all of it.
  const fit = h("button", { class: "tap", type: "button", "aria-label": t.live.fit, "aria-pressed": "false" });
  const draw = (whole) => {
    video.classList.toggle("fills", !whole);
    fit.setAttribute("aria-pressed", String(whole));
  };
  fit.addEventListener("click", () => draw(fit.getAttribute("aria-pressed") === "false"));
  draw(matchMedia("(min-width: 60rem)").matches);

  const frame = h("div", { class: "frame" }, video, h("div", { class: "shade" }), fit);
  const top = h("div", { class: "top-line" }, iconButton("back", t.back, () => back("/discover")));
  const picture = h("div", { class: "picture" }, frame, veil, top);
  const node = h("div", { class: "live-page on-picture" }, picture);
  // What tells of a live that goes on: taken back when it is over.
  let still = () => null;
  // Out of this live for good: what the connection says afterwards is no news.
  let put = false;
  const beats = new Beats((seconds) => lives.view(params.live, seconds, sourceOf(query)));
  life.addEventListener("abort", () => beats.stop());
  async function open() {
    const live = await lives.live(params.live);
    if (life.aborted) return;
    if (live.state === "ended") return ended(live);
    if (live.owner.username === account()?.username) return go(`/live?live=${live.id}`, { replace: true });
    const ways = new Ways(live, video);
    head(live, ways);
    life.addEventListener("abort", () => ways.stop());
    ways.addEventListener("state", ({ detail }) => say(detail, ways, live));
    ways.addEventListener("weak", () => toast(t.live.weak));
    const mark = (speaker) => picture.classList.toggle("host-speaks", speaker !== null && speaker === host);
    let host = null;
    const beside = guests(live, { life, speaks: mark });
    picture.append(beside.node);
    on("live:session", (data) => data.live === live.id && line(data), life);
    const control = rewind(ways);
    if (control) picture.append(control);
    const chat = room(live, {
      life,
      onpublications: (publications) => {
        host = publications.find((one) => one.kind === "host")?.id ?? null;
        beside.update(publications);
      },
      onviewers: (count, friends) => (top.querySelector(".viewers").lastChild.textContent = t.live.withFriends(shortNumber(count), friends)),
      onended: async ({ reason } = {}) => {
        // Put out or banned: no more of it, and not as if it were over.
        const away = t.live.order.you[reason];
        if (away) {
          beats.drop();
          ways.stop();
          control?.remove();
          chat.remove();
          put = true;
          return refused({ message: away }, t.live.order.outTitle);
        }
        // Who is back in the live sees it to its end.
        if (ways.delayed && !ways.delayed.isLive) return video.addEventListener("ended", async () => ended(await lives.live(live.id).catch(() => live)), { once: true });
        ways.stop();
        control?.remove();
        ended(await lives.live(live.id).catch(() => live));
      },
    });
    node.append(chat);
    const count = still;
    still = () => (count(), chat.close());
    ways.start();
    video.addEventListener("loadeddata", () => firstPicture("live", performance.now() - began, { way: ways.way }), { once: true });
    video.addEventListener("loadeddata", async () => ((await play(video, { sound: true })) ? null : askForSound(video)), { once: true });
  }

  const carried = h("p", { class: "note warning carried", role: "status", hidden: true });
  picture.append(carried);

  /** What the server says of one's own line: no picture for now, the picture again, or the end and why. */
  function line({ state, reason }) {
    carried.hidden = state === "picture";
    carried.textContent = state === "closed" ? (t.live.closed[reason] ?? t.live.closed.other) : state === "paused" ? t.live.paused : t.live.noPicture;
  }

  function head(live, ways) {
    const time = h("span", { class: "tag tabular" }, icon("clock"), h("span", {}));
    const stop = duration(time.lastChild, live.started_ms, life);
    const badge = h("span", { class: "tag live" }, t.live.badge);
    const watching = h("span", { class: "tag viewers", role: "status" }, icon("eye"), h("span", {}, shortNumber(live.viewers)));
    still = () => {
      stop();
      badge.className = "tag";
      badge.textContent = t.live.over;
      watching.hidden = true;
    };
    const more = () =>
      menu(
        live.title || t.live.of(nameOf(live.owner)),
        [
          ways.viewer && { icon: "settings", label: t.live.quality, onclick: () => chooseQuality(ways.viewer, life) },
          { icon: "share", label: t.share.title, onclick: () => share({ path: `/watch/${live.id}`, title: live.title, live: live.id, life }) },
          { icon: "flag", label: t.report.title, onclick: () => report({ kind: "live", id: live.id }, { person: live.owner.username, life }) },
        ],
        life,
      );
    top.append(
      h("a", { class: "by line-up", href: `/u/${live.owner.username}`, "aria-label": nameOf(live.owner) }, avatar(live.owner, "small", { onAir: true })),
      h("div", { class: "grow clip" }, h("div", { class: "strong clip" }, live.title || t.live.of(nameOf(live.owner))), h("div", { class: "small clip" }, nameOf(live.owner))),
      iconButton("more", t.more, more),
      h(
        "div",
        { class: "facts-line" },
        badge,
        watching,
        time,
      ),
    );
  }

  function say(state, ways, live) {
    if (state === "watching") beats.start();
    else beats.stop();
    if (put) return;
    const spinner = (text) => [h("div", { class: "spinner" }), h("p", { role: "status" }, text)];
    veil.hidden = state === "watching";
    veil.className = "veil light";
    if (state === "connecting") veil.replaceChildren(...spinner(t.live.connecting));
    if (state === "waiting") veil.replaceChildren(...spinner(t.live.waitingForHost));
    if (state === "lost") veil.replaceChildren(...spinner(t.live.comingBack));
    if (state === "ended") lives.live(live.id).then((now) => (now.state === "ended" ? ended(now) : refused(ways.error)), () => refused(ways.error));
  }

  function refused(error, title = t.brokenTitle) {
    veil.hidden = false;
    veil.className = "veil";
    veil.replaceChildren(empty("warning", title, error?.message ?? "", h("a", { class: "button primary", href: "/discover" }, t.nav.discover)));
  }

  function askForSound(element) {
    const button = h("button", { class: "button primary", type: "button" }, icon("sound", 20), t.live.tapForSound);
    const place = h("div", { class: "veil light" }, button);
    button.addEventListener("click", () => {
      element.muted = false;
      element.play();
      place.remove();
    });
    picture.append(place);
  }

  /** A replay is made when the live is over: it is asked for a few times more. */
  function ended(live, tries = REPLAY_TRIES) {
    veil.hidden = false;
    veil.className = "veil";
    beats.stop();
    still();
    const way = live.video_id
      ? h("a", { class: "button primary", href: `/video/${live.video_id}` }, icon("play", 20), t.live.replay)
      : h("a", { class: "button primary", href: "/discover" }, t.nav.discover);
    veil.replaceChildren(empty("live", t.live.endedTitle, t.live.endedText(nameOf(live.owner)), way));
    if (!live.video_id && tries > 0) setTimeout(() => life.aborted || lives.live(live.id).then((now) => ended(now, now.video_id ? 0 : tries - 1), () => null), REPLAY_EVERY_MS);
  }

  return { title: t.live.title, node, ready: open() };
}
