// Watching: a WHEP session into a MediaStream, and back again when the connection is lost.
import { token } from "../core/session.js";
import { leave, negotiate, pause, settled } from "./negotiate.js";

const BACK_MS = [300, 1000, 2000, 4000];
// A picture that stands still this long, in a connection that says it is fine, is a lost one.
const STILL_MS = 8000;

export class Viewer extends EventTarget {
  /** Events: "state" with detail "connecting" | "waiting" (for the host) | "watching" | "lost" | "ended". */
  constructor(endpoint) {
    super();
    Object.assign(this, { endpoint, stream: new MediaStream(), peer: null, place: null, servers: [], state: "idle", error: null });
    this.life = new AbortController();
  }

  #say(state, error = null) {
    this.state = state;
    this.error = error;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  /** Watches until `stop`; never throws, "state" says how it goes. */
  async start() {
    const { signal } = this.life;
    for (let tries = 0; !signal.aborted; ) {
      this.#say(tries ? "lost" : "connecting");
      try {
        await this.#connect();
        tries = 0;
        await this.#lost();
      } catch (error) {
        if (error.name === "AbortError") return;
        if ([401, 403, 404, 406, 410, 451].includes(error.status)) return this.#say("ended", error);
      }
      this.#drop();
      if (!signal.aborted) await pause(BACK_MS[Math.min(tries++, BACK_MS.length - 1)], signal).catch(() => null);
    }
  }

  async #connect() {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.servers });
    this.peer = peer;
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
    peer.addEventListener("track", ({ track }) => this.stream.addTrack(track));
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    const { place, servers } = await negotiate(peer, this.endpoint, {
      bearer: token,
      signal: this.life.signal,
      onwait: () => this.state !== "waiting" && this.#say("waiting"),
    });
    this.place = place;
    if (!(await settled(peer))) {
      this.servers = servers;
      throw new Error("no connection for sound and picture");
    }
    this.#say("watching");
  }

  /** Resolves when the connection is gone, or when nothing has come for a while. */
  #lost() {
    const { peer } = this;
    return new Promise((resolve) => {
      let [bytes, since] = [0, performance.now()];
      const timer = setInterval(async () => {
        const received = [...(await peer.getStats()).values()].filter((one) => one.type === "inbound-rtp");
        const sum = received.reduce((total, one) => total + one.bytesReceived, 0);
        if (sum !== bytes) [bytes, since] = [sum, performance.now()];
        if (performance.now() - since > STILL_MS) end();
      }, 1000);
      const look = () => ["failed", "closed"].includes(peer.connectionState) && end();
      const end = () => {
        clearInterval(timer);
        peer.removeEventListener("connectionstatechange", look);
        resolve();
      };
      peer.addEventListener("connectionstatechange", look);
      this.life.signal.addEventListener("abort", end, { once: true });
      look();
    });
  }

  async #drop() {
    const { peer, place } = this;
    this.place = null;
    peer?.close();
    if (place) leave(place, await token().catch(() => null));
  }

  stop() {
    this.life.abort();
    this.#drop();
  }
}
