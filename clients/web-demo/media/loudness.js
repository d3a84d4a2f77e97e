// Films of different loudness at the same one: quieter by the element's volume, louder by Web Audio, within bounds.
// What phones and streaming services level to, and how much a whisper may be lifted before its noise is heard.
const TARGET_LUFS = -16;
const MOST_DB = 9;

let context = null;
const lifted = new WeakMap(); // element → its gain; an element has one source for good

export const gainOf = (lufs) => (lufs == null ? 1 : 10 ** (Math.min(MOST_DB, TARGET_LUFS - lufs) / 20));

/** Levels what plays in `element`; call it when sound is turned on, since browsers want a tap for Web Audio too. */
export function level(element, lufs) {
  const gain = gainOf(lufs);
  element.volume = Math.min(1, gain);
  if (lifted.has(element)) lifted.get(element).gain.value = Math.max(1, gain);
  else if (gain > 1 && !element.muted) lift(element, gain);
}

/** Web Audio hears silence where a store of another origin sent the bytes; a canvas says so of the picture. */
function isOurs(element) {
  if (!element.videoWidth || element.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return false;
  const pixel = new OffscreenCanvas(1, 1).getContext("2d");
  pixel.drawImage(element, 0, 0, 1, 1);
  try {
    return Boolean(pixel.getImageData(0, 0, 1, 1));
  } catch {
    return false;
  }
}

async function lift(element, gain) {
  context ??= new AudioContext();
  await context.resume();
  // Not before it runs: an element whose context stands still is silent.
  if (lifted.has(element) || context.state !== "running" || !isOurs(element)) return;
  const amplifier = new GainNode(context, { gain });
  lifted.set(element, amplifier);
  // What is lifted above full scale is held below it.
  new MediaElementAudioSourceNode(context, { mediaElement: element }).connect(amplifier).connect(new DynamicsCompressorNode(context, { threshold: -3, knee: 0, ratio: 20, attack: 0.002 })).connect(context.destination);
}
