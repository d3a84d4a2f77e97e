// Grey shapes at the size of what is coming.
import { h } from "../core/dom.js";

const bone = (width, height, round = false) => h("div", { class: ["bone", round && "round"], style: { width, height } });

export function rowBones(count = 5) {
  const row = () =>
    h("li", {}, h("div", { class: "row-item" }, bone("2.75rem", "2.75rem", true), h("div", { class: "body stack tight" }, bone("45%", "0.875rem"), bone("70%", "0.75rem"))));
  return h("ul", { class: "rows", "aria-hidden": "true" }, Array.from({ length: count }, row));
}

export function tileBones(count = 6) {
  return Array.from({ length: count }, () => h("div", { class: "tile bone", "aria-hidden": "true" }));
}

export function textBones(count = 6) {
  return h("div", { class: "stack tight", "aria-hidden": "true" }, Array.from({ length: count }, (_, i) => bone(`${92 - ((i * 17) % 40)}%`, "1rem")));
}
