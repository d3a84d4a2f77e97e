// Charts that stand still, as SVG in the colours of the page. Their figures stand beside them as a table.

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 120;

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** `values` from 0 to 1, evenly spread; `label` says in words what the line says. */
export function curve(values, label) {
  const x = (i) => (i * WIDTH) / (values.length - 1);
  const y = (value) => HEIGHT - 2 - Math.min(1, value) * (HEIGHT - 8);
  const line = values.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const grid = [0, 0.5, 1].map((part) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(part), y2: y(part) }));
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...grid,
    svg("path", { class: "area", d: `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` }),
    svg("path", { class: "line", d: line, "vector-effect": "non-scaling-stroke" }),
  );
}

/** A bar as long as `part` of the whole, from 0 to 1; hidden from readers, since its figure stands beside it. */
export function bar(part) {
  return svg("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "whole", width: 100, height: 1 }), svg("rect", { class: "part", width: Math.max(1, part * 100), height: 1 }));
}
