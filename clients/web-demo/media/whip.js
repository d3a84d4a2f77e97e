// Publishing: camera or canvas to a live's WHIP endpoint, and back again when the connection is lost.
import { describe, leave, negotiate, pause, settled } from "./negotiate.js";

// Three sizes of one picture: viewers on slow lines get a small one, and nobody waits for them.
const SIZES = [
  { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 200_000 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: "h", maxBitrate: 2_500_000 },
];
// With these codecs they come in one stream: each size is built on the one below it, at key frames.
const SCALABLE = ["vp9", "av1"];
const ALL_LAYERS = "L3T3_KEY";
// What libwebrtc gives a spatial layer of such a stream at most, in bits a second; a picture alone would get several times as much.
const layerBits = (pixels) => 50_000 + 1.6 * pixels;
// Pictures half as often are farther apart, and so take more than half of the bits.
const LESS_OFTEN = 0.75;
const BACK_MS = [500, 1000, 2000, 4000];

export class Publisher extends EventTarget {
  /** `token` publishes to this live alone. Events: "state" with detail "connecting" | "live" | "lost" | "ended". `sizes`: send the picture in three. `codec`: what the live asks for. */
  constructor({ endpoint, token, stream, sizes = false, codec = "h264" }) {
    super();
    Object.assign(this, { endpoint, token, stream, sizes, codec, whole: [], peer: null, place: null, servers: [], state: "idle" });
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
      const scalable = SCALABLE.includes(this.codec);
      const sendEncodings = track.kind === "video" && this.sizes ? (scalable ? [{ scalabilityMode: ALL_LAYERS }] : SIZES.map((one) => ({ ...one }))) : undefined;
      const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [this.stream], ...(sendEncodings && { sendEncodings }) });
      if (track.kind === "video" && scalable) first(transceiver, this.codec);
    }
    const { place, servers } = await negotiate(peer, this.endpoint, { bearer: async () => this.token, signal: this.life.signal });
    this.place = place;
    if (!(await settled(peer))) {
      // Its session is not deleted: that would say that the host hung up. The next one takes its place.
      peer.close();
      this.life.signal.throwIfAborted();
      // Once more, through the server's relays, where it names some.
      if (servers.length && !this.servers.length) {
        this.servers = servers;
        return this.#connect();
      }
      throw new Error("the connection for sound and picture could not be made");
    }
    this.whole = this.#picture()?.getParameters().encodings ?? [];
    this.#say("live");
  }

  #picture() {
    return this.peer?.getSenders().find((one) => one.track?.kind === "video");
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

  /** Only these layers are watched (`live:layers`): the others need not be encoded until they are. Without a new negotiation. */
  async want({ rids, scalability = [] }) {
    const sender = this.#picture();
    const parameters = sender?.getParameters();
    if (!parameters?.encodings?.length) return;
    const before = facts(parameters.encodings);
    const { width = 1280, height = 720 } = sender.track.getSettings();
    parameters.encodings.forEach((one, index) => {
      if (one.rid) one.active = rids.includes(one.rid);
      const whole = this.whole[index];
      const less = scalability.find((stream) => stream.rid === (one.rid ?? ""));
      for (const name of LIMITS) delete one[name];
      for (const name of LIMITS) if (name in whole) one[name] = whole[name];
      if (less) Object.assign(one, fewer(whole, less, width * height, sender.track.getSettings().frameRate));
    });
    if (facts(parameters.encodings) !== before) await sender.setParameters(parameters).catch(() => null);
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

const LIMITS = ["scalabilityMode", "scaleResolutionDownBy", "maxBitrate", "maxFramerate"];
const facts = (encodings) => JSON.stringify(encodings.map((one) => [one.active, ...LIMITS.map((name) => one[name] ?? null)]));

/** An encoder is made for the first codec in the list. */
function first(transceiver, codec) {
  const { codecs } = RTCRtpSender.getCapabilities("video");
  const rank = (one) => (one.mimeType.toLowerCase() === `video/${codec}` ? 0 : 1);
  transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
  describe(transceiver, "sendonly");
}

/** The same pictures without the upper layers of `whole`: each that is left keeps its size, its rate and its bits. */
function fewer(whole, { spatial, temporal }, pixels, rate = 30) {
  const mode = /^L(\d)T(\d)(.*)$/.exec(whole.scalabilityMode ?? "");
  if (!mode) return {};
  const [sizes, rates] = [Number(mode[1]), Number(mode[2])];
  const [above, faster] = [Math.max(0, sizes - spatial), Math.max(0, rates - temporal)];
  if (!above && !faster) return {};
  const scale = (whole.scaleResolutionDownBy ?? 1) * 2 ** above;
  let bits = 0;
  for (let size = 0; size < sizes - above; size++) bits += layerBits(pixels / (scale * 2 ** size) ** 2);
  return {
    scalabilityMode: `L${sizes - above}T${rates - faster}${sizes - above > 1 ? mode[3] : ""}`,
    scaleResolutionDownBy: scale,
    maxBitrate: Math.round(Math.min(bits * LESS_OFTEN ** faster, whole.maxBitrate ?? Infinity)),
    ...(faster && { maxFramerate: rate / 2 ** faster }),
  };
}
