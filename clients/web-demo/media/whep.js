// Watching: a WHEP session into a MediaStream, and back again when the connection is lost.
import { token } from "../core/session.js";
import { describe, leave, negotiate, pause, settled } from "./negotiate.js";

const BACK_MS = [300, 1000, 2000, 4000];
// A picture that stands still this long, in a connection that says it is fine, is a lost one.
const STILL_MS = 8000;
// A network is bad when nothing comes for so long and its checks are not answered either (a host who is away leaves those), or
// when so much of what is sent in that time is lost.
const WEAK_MS = 5000;
const WEAK_SHARE = 0.2;
const WEAK_PACKETS = 100;

export class Viewer extends EventTarget {
  /** Events: "state" with detail "connecting" | "waiting" (for the host) | "watching" | "lost" | "ended"; "weak" when the network is bad. */
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
    describe(peer.addTransceiver("video", { direction: "recvonly" }), "recvonly");
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
      let [answers, answered] = [0, since];
      let [from, before] = [since, { got: 0, lost: 0 }];
      const timer = setInterval(async () => {
        const all = [...(await peer.getStats()).values()];
        const sum = (type, field) => all.reduce((total, one) => total + (one.type === type ? (one[field] ?? 0) : 0), 0);
        const now = performance.now();
        const [came, replied] = [sum("inbound-rtp", "bytesReceived"), sum("candidate-pair", "responsesReceived")];
        if (came !== bytes) [bytes, since] = [came, now];
        if (replied !== answers) [answers, answered] = [replied, now];
        if (now - from > WEAK_MS) {
          const counts = { got: sum("inbound-rtp", "packetsReceived"), lost: sum("inbound-rtp", "packetsLost") };
          const [got, lost] = [counts.got - before.got, counts.lost - before.lost];
          if (lost > WEAK_SHARE * (got + lost) && got + lost > WEAK_PACKETS) this.dispatchEvent(new Event("weak"));
          [from, before] = [now, counts];
        }
        if (now - since > WEAK_MS && now - answered > WEAK_MS) this.dispatchEvent(new Event("weak"));
        if (now - since > STILL_MS) end();
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
