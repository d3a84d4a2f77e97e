// Once a second, what a publishing connection does: bitrate, loss, size and rate of the picture, round trip.

const EVERY_MS = 1000;

/** `onsample({kbps, loss, rtt_ms, width, height, fps})`, until `life` ends; `peerOf()` gives the connection of the moment. */
export function measure(peerOf, onsample, life) {
  let before = null;
  const timer = setInterval(async () => {
    const peer = peerOf();
    if (peer?.connectionState !== "connected") return;
    const stats = [...(await peer.getStats()).values()];
    const sent = stats.filter((one) => one.type === "outbound-rtp");
    const heard = stats.filter((one) => one.type === "remote-inbound-rtp");
    const video = sent.filter((one) => one.kind === "video").sort((a, b) => (b.frameWidth ?? 0) - (a.frameWidth ?? 0))[0];
    const bytes = sent.reduce((sum, one) => sum + one.bytesSent, 0);
    const at = sent[0]?.timestamp ?? 0;
    if (before && at > before.at && bytes >= before.bytes) {
      onsample({
        kbps: ((bytes - before.bytes) * 8) / (at - before.at),
        loss: Math.max(0, ...heard.map((one) => one.fractionLost ?? 0)),
        rtt_ms: Math.max(0, ...heard.map((one) => one.roundTripTime ?? 0)) * 1000,
        width: video?.frameWidth ?? 0,
        height: video?.frameHeight ?? 0,
        fps: video?.framesPerSecond ?? 0,
      });
    }
    before = { at, bytes };
  }, EVERY_MS);
  life.addEventListener("abort", () => clearInterval(timer));
}
