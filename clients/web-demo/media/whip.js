// Publishing: camera or canvas to a live's WHIP endpoint, and back again when the connection is lost.
import { leave, negotiate, pause, settled } from "./negotiate.js";

// Three sizes of one picture: viewers on slow lines get a small one, and nobody waits for them.
const SIZES = [
  { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 200_000 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: "h", maxBitrate: 2_500_000 },
];
const BACK_MS = [500, 1000, 2000, 4000];

export class Publisher extends EventTarget {
  /** `token` publishes to this live alone. Events: "state" with detail "connecting" | "live" | "lost" | "ended". `sizes`: send the picture in three. */
  constructor({ endpoint, token, stream, sizes = false }) {
    super();
    Object.assign(this, { endpoint, token, stream, sizes, peer: null, place: null, servers: [], state: "idle" });
    this.life = new AbortController();
  }

  #say(state, error = null) {
    this.state = state;
    this.error = error;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  /** Publishes until `stop`. The first failure is thrown; later ones are tried again with growing pauses. */
  async start() {
    this.#say("connecting");
    await this.#connect();
    this.#keep();
  }

  async #connect() {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.servers });
    this.peer = peer;
    for (const track of this.stream.getTracks()) {
      if (track.kind === "video") track.contentHint ||= "motion";
      const sendEncodings = track.kind === "video" && this.sizes ? SIZES.map((one) => ({ ...one })) : undefined;
      peer.addTransceiver(track, { direction: "sendonly", streams: [this.stream], ...(sendEncodings && { sendEncodings }) });
    }
    const { place, servers } = await negotiate(peer, this.endpoint, { bearer: async () => this.token, signal: this.life.signal });
    this.place = place;
    if (!(await settled(peer))) {
      this.#drop();
      this.life.signal.throwIfAborted();
      // Once more, through the server's relays, where it names some.
      if (servers.length && !this.servers.length) {
        this.servers = servers;
        return this.#connect();
      }
      throw new Error("the connection for sound and picture could not be made");
    }
    this.#say("live");
  }

  async #keep() {
    for (let tries = 0; !this.life.signal.aborted; ) {
      await this.#lost();
      if (this.life.signal.aborted) return;
      this.#say("lost");
      this.#drop();
      try {
        await pause(BACK_MS[Math.min(tries++, BACK_MS.length - 1)], this.life.signal);
        await this.#connect();
        tries = 0;
      } catch (error) {
        if (error.name === "AbortError") return;
        if ([401, 403, 404, 410].includes(error.status)) return this.#say("ended", error);
      }
    }
  }

  #lost() {
    const { peer } = this;
    return new Promise((resolve) => {
      const look = () => ["failed", "closed"].includes(peer.connectionState) && resolve();
      peer.addEventListener("connectionstatechange", look);
      this.life.signal.addEventListener("abort", resolve, { once: true });
      look();
    });
  }

  #drop() {
    leave(this.place, this.token);
    this.peer?.close();
    this.place = null;
  }

  /** Only these sizes are watched (`live:layers`): the others need not be encoded until they are. */
  async want(rids) {
    const sender = this.peer?.getSenders().find((one) => one.track?.kind === "video");
    const parameters = sender?.getParameters();
    if (!parameters?.encodings?.some((one) => one.rid)) return;
    for (const one of parameters.encodings) one.active = rids.includes(one.rid);
    await sender.setParameters(parameters).catch(() => null);
  }

  /** Another camera or microphone without a new connection. */
  async replace(stream) {
    this.stream = stream;
    for (const sender of this.peer?.getSenders() ?? []) {
      const track = stream.getTracks().find((one) => one.kind === sender.track?.kind);
      if (track) await sender.replaceTrack(track);
    }
  }

  stop() {
    this.life.abort();
    this.#drop();
    this.#say("ended");
  }
}
