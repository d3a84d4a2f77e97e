// Watching by low-latency HLS: a second behind, over plain HTTP, with the way back.
import { vendor } from "../core/vendor.js";
import { play } from "./playback.js";

// What is asked anew after a fatal error: the address is signed and may have ended.
const AGAIN_MS = 1500;
// Nearer to the newest than this counts as live; who went back is back until nearer than half of it.
const LIVE_S = 6;
// To catch up after a stall; who went back stays as far back.
const CATCH_UP_RATE = 1.1;
// A player that stands still so long, while the newest is so far ahead, does not go on by itself: a hole that it found no way across.
const STILL_MS = 4000;
const AHEAD_S = 2;
// The very first instant may be cut a little short.
const START_S = 0.1;

export class Delayed extends EventTarget {
  /** `address()` answers the live's playlist, or null when it has none (any more). Events: "state" as `Viewer`, "time". */
  constructor(element, address) {
    super();
    Object.assign(this, { element, address, player: null, back: 0, edge: 0, edgeAt: 0, isBack: false, ended: false });
    this.life = new AbortController();
    const tell = () => this.dispatchEvent(new Event("time"));
    element.addEventListener("timeupdate", tell, { signal: this.life.signal });
    element.addEventListener("playing", () => this.#say("watching"), { signal: this.life.signal });
  }

  #say(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  /** Begins `back` seconds before the newest. */
  async start({ back = 0, sound = true } = {}) {
    this.back = back;
    this.isBack = back > 0;
    this.#say("connecting");
    const address = await this.address().catch(() => null);
    if (this.life.signal.aborted) return;
    if (!address) return this.#say("ended");
    const { default: Hls } = await vendor("hls.js");
    if (this.life.signal.aborted) return;
    this.element.srcObject = null;
    if (!Hls.isSupported()) {
      // A browser that plays HLS by itself, and has no Media Source.
      this.element.src = address;
      return void play(this.element, { sound });
    }
    // Its worker comes from a blob, which the page's policy does not allow to run.
    const player = new Hls({ enableWorker: false, lowLatencyMode: true, backBufferLength: 60, maxLiveSyncPlaybackRate: this.isBack ? 1 : CATCH_UP_RATE, startPosition: -1 });
    this.player = player;
    player.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      this.ended = !details.live;
      [this.edge, this.edgeAt] = [details.edge, performance.now()];
      if (!this.back) return;
      const target = Math.max(details.fragmentStart + START_S, details.edge - this.back);
      this.back = 0;
      // Begun there: a seek before the first fragment is there is undone when the player goes to its own start. A part of the player may
      // still begin at the newest after that, so it is looked at once more when the picture moves.
      player.startLoad(target);
      const look = () => this.player === player && this.element.currentTime > target + 1 && (this.element.currentTime = target);
      this.element.addEventListener("playing", look, { once: true, signal: this.life.signal });
    });
    player.on(Hls.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR) return player.recoverMediaError();
      this.#again(sound);
    });
    player.loadSource(address);
    player.attachMedia(this.element);
    this.#watch(player, sound);
    play(this.element, { sound });
  }

  /** Begins anew when the picture stands still and the live does not. */
  #watch(player, sound) {
    let [at, since] = [-1, performance.now()];
    const timer = setInterval(() => {
      if (this.player !== player) return clearInterval(timer);
      const { currentTime, paused } = this.element;
      if (currentTime !== at || paused || this.ended) [at, since] = [currentTime, performance.now()];
      else if (performance.now() - since > STILL_MS && this.edge - currentTime > AHEAD_S) this.#again(sound);
    }, 1000);
  }

  /** Who went back goes on as far back. */
  #again(sound) {
    this.#say("lost");
    // One that did not come to begin is to begin where it was told. The newest went on while nothing was heard of it.
    const behind = this.back || this.edge + (performance.now() - this.edgeAt) / 1000 - this.element.currentTime;
    this.#drop();
    setTimeout(() => this.life.signal.aborted || this.start({ back: this.isBack ? Math.max(behind, 0) : 0, sound }), AGAIN_MS);
  }

  /** Where one is, in seconds: `{ start, end, now, behind }`; `end` is the newest that can be shown. */
  get place() {
    const { element, player } = this;
    const ranges = element.seekable;
    if (!ranges.length) return null;
    const start = ranges.start(0);
    const end = player?.liveSyncPosition ?? ranges.end(ranges.length - 1);
    return { start, end, now: element.currentTime, behind: Math.max(0, end - element.currentTime) };
  }

  get isLive() {
    return (this.place?.behind ?? 0) < (this.isBack ? LIVE_S / 2 : LIVE_S);
  }

  seek(seconds) {
    const place = this.place;
    // A player that is about to begin begins at the newest.
    if (!place) return void (seconds === Infinity && Object.assign(this, { back: 0, isBack: false }));
    this.isBack = seconds < place.end;
    if (this.player) this.player.config.maxLiveSyncPlaybackRate = this.isBack ? 1 : CATCH_UP_RATE;
    this.element.currentTime = Math.min(Math.max(seconds, place.start + 0.5), place.end);
    this.element.play().catch(() => null);
  }

  #drop() {
    this.player?.destroy();
    this.player = null;
  }

  stop() {
    this.life.abort();
    this.#drop();
    this.element.removeAttribute("src");
    this.element.load();
  }
}
