// A recorded video into a <video>: its file where the browser can play it, HLS through hls.js where there are segments (by the browser
// itself where it has no Media Source: hls.js lets the viewer choose a quality).
import { vendor } from "../core/vendor.js";

/** Answers a function that lets go of everything; with hls.js it has `qualities()` and `choose(quality)` (a height of 0: by itself). */
export function attach(element, video) {
  let player = null;
  let gone = false;
  if (video.file) element.src = video.file;
  else if (video.hls && !globalThis.MediaSource) element.src = video.hls;
  else if (video.hls) {
    vendor("hls.js").then(({ default: Hls }) => {
      if (gone || !Hls.isSupported()) return;
      // Its worker comes from a blob, which the page's policy does not allow to run.
      player = new Hls({ enableWorker: false });
      player.loadSource(video.hls);
      player.attachMedia(element);
    });
  }
  const release = () => {
    gone = true;
    player?.destroy();
    element.removeAttribute("src");
    element.load();
  };
  release.qualities = () => (player?.levels ?? []).map(({ height }, level) => ({ height, level, chosen: !player.autoLevelEnabled && player.currentLevel === level }));
  release.choose = ({ height, level }) => player && (player.currentLevel = height ? level : -1);
  return release;
}

/** Plays with sound where the browser lets us, and without where it does not; answers whether sound is on. */
export async function play(element, { sound }) {
  element.muted = !sound;
  try {
    await element.play();
  } catch (error) {
    if (error.name !== "NotAllowedError") return !element.muted;
    element.muted = true;
    await element.play().catch(() => null);
  }
  return !element.muted;
}
