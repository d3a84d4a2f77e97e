// What the server sees of a live, for its host: the viewers together, with a line of the last minutes, and each publication that comes in.
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
  for (const [name, floor] of [["out", 200], ["loss", 0.05], ["delay", 30], ["jitter", 5], ["layers", 0], ["dropped", 0], ["in", 0]]) {
    const value = h("div", {}, "–");
    const line = ["layers", "dropped", "in"].includes(name) ? null : h("canvas", { "aria-hidden": "true" });
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
    const loss = worst(viewers.flatMap((one) => one.subscriptions), "fraction_lost");
    const delay = middle(pictures.map((one) => one.round_trip_ms).filter((one) => one !== null));
    const jitter = worst(pictures, "jitter_ms");
    const on = {};
    for (const one of pictures) {
      const name = one.paused ? t.live.soundOnly : one.layer || t.host.whole;
      on[name] = (on[name] ?? 0) + 1;
    }
    cells.out.textContent = t.host.kbps(Math.round(kbps));
    cells.loss.textContent = percent(loss);
    cells.delay.textContent = milliseconds(delay);
    cells.jitter.textContent = milliseconds(jitter);
    cells.layers.textContent = Object.entries(on).map(([name, count]) => `${name} × ${count}`).join(", ") || "–";
    cells.dropped.textContent = dropped(viewers);
    cells.in.replaceChildren(...publications.filter((one) => one.connected).map((one) => h("div", {}, incoming(one))));
    charts.out.push(kbps);
    charts.loss.push(loss);
    charts.delay.push(delay ?? 0);
    charts.jitter.push(jitter);
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

/** One publication, all its tracks and sizes together. */
function incoming(publication) {
  const layers = publication.tracks.flatMap((track) => track.layers);
  const kbps = layers.filter((one) => one.alive).reduce((sum, one) => sum + one.bitrate_bps, 0) / 1000;
  return t.host.incoming(t.host.kbps(Math.round(kbps)), percent(worst(layers, "fraction_lost")), milliseconds(publication.round_trip_ms), milliseconds(worst(layers, "jitter_ms")));
}

const worst = (list, name) => Math.max(0, ...list.map((one) => one[name]));
const percent = (share) => `${(share * 100).toFixed(1)} %`;
const milliseconds = (value) => (value === null ? "–" : `${Math.round(value)} ms`);

function middle(values) {
  if (!values.length) return null;
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
