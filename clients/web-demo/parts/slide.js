// One screen of the feed: a video, or a live that is on now.
import { lives, videos } from "../api/index.js";
import { Beats } from "../core/beats.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { firstPicture } from "../core/telemetry.js";
import { t } from "../core/text.js";
import { account } from "../core/session.js";
import { level } from "../media/loudness.js";
import { attach, play } from "../media/playback.js";
import { Viewer } from "../media/whep.js";
import { avatar, nameOf } from "./avatar.js";
import { choicesOf } from "./choices.js";
import { likers } from "./likers.js";
import { manage } from "./manage.js";
import { manage as managePost } from "./post.js";
import { report } from "./report.js";
import { scrub } from "./scrub.js";
import { share } from "./share.js";
import { menu } from "./sheet.js";
import { likeButton, talkButton } from "./talk.js";
import { whyRow } from "./why.js";
import { words } from "./words.js";

// Sound is one wish for the whole visit, since browsers want a tap for it.
export const sound = { on: false };

// A video counts as seen after this long.
const SEEN_S = 2;
// From then on the player reports so often: what is not reported is not counted.
const BEAT_S = 10;

export class Slide {
  /** `leave` takes items out of the reel; `source`: on which page it is watched. */
  constructor(item, life, { leave, source = "feed" } = {}) {
    Object.assign(this, { item, life, leave, source, release: null, active: false, seen: false });
    this.video = h("video", { playsinline: true, loop: item.kind === "video" && !item.goesOn, muted: true, preload: "none", tabindex: "-1", "aria-label": item.title || t.feed.untitled });
    this.poster = item.poster && h("img", { class: ["poster", !(item.width > item.height) && "fills"], src: item.poster, alt: "", decoding: "async" });
    this.bar = h("i", {});
    const progress = item.kind === "video" ? scrub(this.video, item) : h("div", { class: "progress" }, this.bar);
    this.tap = h("button", { class: "tap", type: "button", "aria-label": t.feed.pauseOrPlay, onclick: () => this.toggle() }, h("span", { class: "big" }, icon("play", 40)));
    this.words = this.#words();
    this.frame = h("div", { class: ["frame", item.width > item.height && "broad"] }, this.poster, this.video, h("div", { class: "shade" }), this.tap, this.words, progress);
    this.node = h("article", { class: "slide", "aria-label": item.title || t.feed.untitled }, item.poster && h("img", { class: "blur", src: item.poster, alt: "", "aria-hidden": "true" }), this.frame, this.#acts());
    // Nobody knows where in a live they are: its time is the clock's.
    this.beats = new Beats((seconds) => lives.view(item.id, seconds, source));
    life.addEventListener("abort", () => this.beats.stop());
    this.video.addEventListener("timeupdate", () => this.#progress());
    this.video.addEventListener("playing", () => {
      this.poster?.remove();
      if (this.wished) firstPicture(item.kind, performance.now() - this.wished);
      this.wished = null;
      if (item.kind === "live" && item.owner.username !== account()?.username) this.beats.start();
    });
    this.video.addEventListener("pause", () => this.beats.stop());
    this.video.addEventListener("loadedmetadata", () => {
      const { videoWidth, videoHeight } = this.video;
      this.frame.classList.toggle("broad", videoWidth > videoHeight);
      // A tall picture fills the phone; a broad one is shown whole.
      this.video.classList.toggle("fills", videoHeight > videoWidth);
    });
  }

  #words() {
    const { item } = this;
    return h(
      "div",
      { class: "words" },
      item.kind === "live" && h("a", { class: "tag live", href: `/watch/${item.id}?from=feed` }, t.live.badge),
      h("a", { class: "by", href: `/u/${item.owner.username}` }, avatar(item.owner, "small", { onAir: item.kind === "live" }), nameOf(item.owner)),
      item.title && h("p", { class: "caption" }, words(item.title)),
      (item.part > 1 || item.goesOn) && h("p", { class: "small" }, t.feed.part(item.part)),
      item.kind === "live" && h("a", { class: "button live compact", href: `/watch/${item.id}?from=feed` }, icon("live", 18), t.live.join),
    );
  }

  /** Its owner changed it: the words are drawn anew. */
  #become(changes) {
    Object.assign(this.item, changes);
    const drawn = this.#words();
    this.words.replaceWith(drawn);
    this.words = drawn;
  }

  #acts() {
    const { item, life } = this;
    const button = (name, label, text, onclick) => h("button", { type: "button", "aria-label": label, onclick }, h("span", { class: "disc" }, icon(name)), h("span", {}, text));
    const target = { kind: item.kind, id: item.id };
    const mine = item.owner.username === account()?.username;
    // A post with a video is liked and talked about as the post.
    const subject = item.post ?? item;
    const path = item.kind === "live" ? `/watch/${item.id}` : `/video/${item.id}`;
    const sharing = button("share", t.share.title, t.share.short, () => share({ path, title: item.title, [item.kind === "live" ? "live" : "video"]: item.id, life }));
    this.soundButton = button("mute", t.feed.soundOn, t.feed.sound, () => this.setSound(!sound.on));
    const ongone = () => this.leave?.((other) => other === subject, true);
    const more = button("more", t.more, "", () =>
      menu(
        item.title || t.feed.untitled,
        [
          ...this.#qualities(),
          mine && item.kind === "video" && { icon: "chart", label: t.insights.title, href: `/video/${item.id}/insights` },
          subject.likes > 0 && { icon: "heart", label: t.likes.title, onclick: () => likers(subject, life) },
          whyRow(subject, life),
          item.download && { icon: "download", label: t.feed.download, href: item.download, download: "" },
          ...(item.post ? managePost(item.post, { life, ongone, onedit: (post) => this.#become({ post, title: post.text || item.video_title }) }) : manage(item, { life, ongone, onedit: ({ title, who_can_comment }) => this.#become({ title, who_can_comment }) })),
          ...choicesOf(item.post ?? item, this.leave),
          !mine && { icon: "flag", label: t.report.title, onclick: () => report(target, { person: item.owner.username, life }) },
          !mine && { icon: "document", label: t.nav.claim, href: `/claim?target=${encodeURIComponent(location.origin + path)}` },
        ],
        life,
      ),
    );
    if (item.kind === "live") return h("div", { class: "acts" }, this.soundButton, sharing, more);

    return h("div", { class: "acts" }, likeButton(subject), talkButton(subject, life), sharing, this.soundButton, more);
  }

  /** What HLS has to choose from, where this browser lets us choose. */
  #qualities() {
    const found = this.release?.qualities?.() ?? [];
    if (found.length < 2) return [];
    return [{ height: 0 }, ...found].map((one) => ({
      icon: one.chosen ? "check" : "settings",
      label: one.height ? t.feed.quality(one.height) : t.feed.qualityAuto,
      onclick: () => this.release.choose(one),
    }));
  }

  /** Fetches ahead without playing. */
  prepare() {
    if (this.release || this.item.kind === "live") return;
    this.video.preload = "auto";
    this.release = attach(this.video, this.item);
  }

  async activate() {
    if (this.active) return;
    this.active = true;
    this.wished = performance.now();
    this.drawSound();
    if (this.item.kind === "live") this.#watch();
    else this.prepare();
    sound.on = await play(this.video, { sound: sound.on });
    level(this.video, this.item.loudness_lufs);
    this.drawSound();
  }

  #watch() {
    const viewer = new Viewer(this.item.whep);
    this.video.srcObject = viewer.stream;
    viewer.start();
    this.release = () => {
      viewer.stop();
      this.video.srcObject = null;
    };
  }

  rest() {
    this.active = false;
    this.beats.stop();
    this.video.pause();
  }

  letGo() {
    this.rest();
    this.release?.();
    this.release = null;
  }

  toggle() {
    const paused = !this.video.paused;
    if (paused) this.video.pause();
    else play(this.video, { sound: sound.on });
    this.tap.classList.toggle("paused", paused);
  }

  setSound(on) {
    sound.on = on;
    this.video.muted = !on;
    level(this.video, this.item.loudness_lufs);
    this.drawSound();
  }

  drawSound() {
    const on = sound.on;
    this.soundButton.querySelector(".disc").replaceChildren(icon(on ? "sound" : "mute"));
    this.soundButton.setAttribute("aria-label", on ? t.feed.soundOff : t.feed.soundOn);
  }

  #progress() {
    const { currentTime, duration } = this.video;
    if (this.item.kind !== "video") return;
    const since = currentTime - (this.reported ?? 0);
    if (since >= (this.reported ? BEAT_S : Math.min(SEEN_S, (duration || SEEN_S) * 0.9))) {
      this.reported = currentTime;
      videos.view(this.item.id, since, currentTime, this.source).catch(() => null);
    }
  }
}
