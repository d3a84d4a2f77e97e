// What the server sees of a live, for its host: each publication that comes in, and the viewers together, with a line of the last minutes.
import { lives } from "../api/index.js";
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { Chart } from "../media/chart.js";

const EVERY_MS = 2000;
// More is for `/metrics`: the host sees what matters most.
const REASONS = 3;

/** A list that draws itself while it is seen, until `life` ends. */
export function figures(live, life) {
  const cells = {};
  const charts = {};
  const node = h("dl", { class: "figures", "aria-label": t.host.figures });
  for (const [name, floor] of [["out", 200], ["loss", 0.05], ["delay", 30], ["layers", 0], ["dropped", 0]]) {
    const value = h("div", {}, "–");
    const line = ["layers", "dropped"].includes(name) ? null : h("canvas", { "aria-hidden": "true" });
    cells[name] = value;
    if (line) charts[name] = new Chart(line, { floor });
    node.append(h("div", {}, h("dt", {}, t.host.figure[name]), h("dd", {}, value, line)));
  }
  const draw = async () => {
    if (!node.clientWidth || document.hidden) return;
    const { media } = await lives.stats(live.id).catch(() => ({ media: { publications: {} } }));
    const publications = Object.values(media.publications);
    const viewers = publications.flatMap((one) => one.viewers);
    const pictures = viewers.flatMap((one) => one.subscriptions.filter((s) => s.kind === "video"));
    const kbps = viewers.reduce((sum, one) => sum + one.bitrate_bps, 0) / 1000;
    const loss = Math.max(0, ...viewers.flatMap((one) => one.subscriptions.map((s) => s.fraction_lost)));
    const delay = middle(pictures.map((one) => one.round_trip_ms).filter((one) => one !== null));
    const on = {};
    for (const one of pictures) on[one.paused ? t.live.soundOnly : one.layer || t.host.whole] = (on[one.paused ? t.live.soundOnly : one.layer || t.host.whole] ?? 0) + 1;
    cells.out.textContent = t.host.kbps(Math.round(kbps));
    cells.loss.textContent = `${(loss * 100).toFixed(1)} %`;
    cells.delay.textContent = delay === null ? "–" : `${Math.round(delay)} ms`;
    cells.layers.textContent = Object.entries(on).map(([name, count]) => `${name} × ${count}`).join(", ") || "–";
    cells.dropped.textContent = dropped(viewers);
    charts.out.push(kbps);
    charts.loss.push(loss);
    charts.delay.push(delay ?? 0);
  };
  const timer = setInterval(draw, EVERY_MS);
  life.addEventListener("abort", () => clearInterval(timer));
  return node;
}

/** What was left out for all viewers together, by reason, the most frequent first. */
function dropped(viewers) {
  const counts = {};
  for (const one of viewers) {
    for (const drops of [one.drops, ...one.subscriptions.map((s) => s.drops)]) {
      for (const [reason, count] of Object.entries(drops)) counts[reason] = (counts[reason] ?? 0) + count;
    }
  }
  const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, REASONS);
  return sorted.map(([reason, count]) => `${t.host.drop[reason] ?? reason.replaceAll("_", " ")} × ${count}`).join(", ") || "–";
}

function middle(values) {
  if (!values.length) return null;
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
