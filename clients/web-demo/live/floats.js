// Reactions that rise and fade. At most so many at once: a thousand viewers must not slow one phone down.
import { h } from "../core/dom.js";

const AT_ONCE = 18;
const GAP_MS = 90;

export function floats() {
  const node = h("div", { class: "floats", "aria-hidden": "true" });
  const one = (kind) => {
    if (node.children.length >= AT_ONCE) return;
    const style = { "--drift": `${Math.random() * 40 - 20}px`, "--sway": `${Math.random() * 60 - 30}px` };
    const drop = h("span", { style }, kind);
    drop.addEventListener("animationend", () => drop.remove());
    node.append(drop);
  };
  /** `counts`: how many of each kind came. */
  const add = (counts) => {
    let delay = 0;
    for (const [kind, count] of Object.entries(counts)) {
      for (let i = 0; i < Math.min(count, 6); i++) setTimeout(() => one(kind), (delay += GAP_MS));
    }
  };
  return { node, add };
}
