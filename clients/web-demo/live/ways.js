// How a live reaches the screen: WebRTC where it can, HLS where the room is very large, the network bad, or the viewer goes back.
import { lives } from "../api/index.js";
import { Delayed } from "../media/delayed.js";
import { Viewer } from "../media/whep.js";

// A connection that is lost so often within the time is no connection.
const LOST_LIMIT = 3;
const LOST_WITHIN_MS = 60_000;

export class Ways extends EventTarget {
  /** Events: "state" as `Viewer` says it, "way" when it changes, "weak" when a bad network led from WebRTC to HLS. `way` is "webrtc", "hls" or null before the start. */
  constructor(live, element) {
    super();
    Object.assign(this, { live, element, way: null, viewer: null, delayed: null, error: null, lost: [] });
  }

  get canRewind() {
    return Boolean(this.live.hls);
  }

  start() {
    if (this.live.hls && this.live.playback === "hls") this.#byHls({});
    else this.#byWebRtc();
  }

  #say(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #become(way) {
    this.way = way;
    this.element.dataset.way = way;
    this.dispatchEvent(new Event("way"));
  }

  #byWebRtc() {
    this.delayed?.stop();
    this.delayed = null;
    const viewer = new Viewer(this.live.whep);
    this.viewer = viewer;
    viewer.addEventListener("state", ({ detail }) => {
      if (this.viewer !== viewer) return;
      this.error = viewer.error;
      if (detail === "lost" && this.#isHopeless() && this.live.hls) return this.#fallBack();
      this.#say(detail);
    });
    viewer.addEventListener("weak", () => this.viewer === viewer && this.live.hls && this.#fallBack());
    this.#become("webrtc");
    this.element.srcObject = viewer.stream;
    viewer.start();
  }

  #fallBack() {
    this.#byHls({});
    this.dispatchEvent(new Event("weak"));
  }

  #isHopeless() {
    const now = performance.now();
    this.lost = [...this.lost, now].filter((at) => now - at < LOST_WITHIN_MS);
    return this.lost.length >= LOST_LIMIT;
  }

  #byHls({ back = 0 }) {
    this.viewer?.stop();
    this.viewer = null;
    const address = async () => {
      this.live = await lives.live(this.live.id);
      return this.live.hls;
    };
    const delayed = new Delayed(this.element, address);
    this.delayed = delayed;
    delayed.addEventListener("state", ({ detail }) => this.delayed === delayed && this.#say(detail));
    delayed.addEventListener("time", () => this.dispatchEvent(new Event("time")));
    this.#become("hls");
    delayed.start({ back, sound: !this.element.muted });
  }

  /** So many seconds back from what is on the screen. */
  rewind(seconds) {
    if (!this.delayed) return this.#byHls({ back: seconds });
    const place = this.delayed.place;
    if (place) this.delayed.seek(place.now - seconds);
  }

  /** To the newest, by WebRTC again unless the room is too large for it. */
  toLive() {
    if (this.live.playback === "hls") return this.delayed?.seek(Infinity);
    this.lost = [];
    this.#byWebRtc();
  }

  stop() {
    this.viewer?.stop();
    this.delayed?.stop();
    this.viewer = this.delayed = null;
  }
}
