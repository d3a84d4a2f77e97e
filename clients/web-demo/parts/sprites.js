// The tile of a sheet of stills that stands for a time, from the WebVTT that a video names.
import { h } from "../core/dom.js";

const CUE = /(\d+):(\d+):([\d.]+) --> (\d+):(\d+):([\d.]+)\s+(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;
const seconds = (hours, minutes, rest) => Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);

/** Answers `tile(second)`, an element that shows it; rejects when there is no sheet. */
export async function sprites(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`no stills: ${response.status}`);
  const cues = [...(await response.text()).matchAll(CUE)].map((cue) => ({
    start: seconds(cue[1], cue[2], cue[3]), end: seconds(cue[4], cue[5], cue[6]), sheet: cue[7], x: +cue[8], y: +cue[9], width: +cue[10], height: +cue[11],
  }));
  const shown = h("span", { class: "still", "aria-hidden": "true" }, h("img", { alt: "" }));
  const picture = shown.firstElementChild;
  return (second) => {
    const cue = cues.find((one) => second < one.end) ?? cues.at(-1);
    if (!cue) return shown;
    if (picture.getAttribute("src") !== cue.sheet) picture.src = cue.sheet;
    for (const [name, value] of Object.entries({ width: cue.width, height: cue.height })) shown.style.setProperty(name, `${value}px`);
    picture.style.setProperty("translate", `${-cue.x}px ${-cue.y}px`);
    return shown;
  };
}
