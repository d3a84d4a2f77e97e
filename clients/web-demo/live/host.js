// The host on air: publishing, the room, how the line is, and the end with the way to the replay.
import { lives } from "../api/index.js";
import { h, listen } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber, span } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { on } from "../realtime/link.js";
import { Chart } from "../media/chart.js";
import { measure } from "../media/measure.js";
import { Publisher } from "../media/whip.js";
import { stop } from "../media/source.js";
import { empty } from "../parts/empty.js";
import { field, form } from "../parts/field.js";
import { iconButton } from "../parts/head.js";
import { confirm, sheet } from "../parts/sheet.js";
import { share } from "../parts/share.js";
import { duration } from "./clock.js";
import { desk } from "./desk.js";
import { figures } from "./figures.js";
import { guests } from "./guests.js";
import { room } from "./room.js";

export async function onAir({ node, picture, preview, stream, live, life, sizes, codec }) {
  const publisher = new Publisher({ endpoint: live.whip, token: live.token, stream, sizes, codec });
  const here = new AbortController();
  const veil = h("div", { class: "veil light" }, h("div", { class: "spinner" }), h("p", { role: "status" }, t.host.starting));
  picture.append(veil);
  publisher.addEventListener("state", ({ detail }) => {
    veil.hidden = detail === "live";
    veil.replaceChildren(h("div", { class: "spinner" }), h("p", { role: "status" }, detail === "lost" ? t.host.comingBack : t.host.starting));
    if (detail === "ended" && !here.signal.aborted) finish();
  });
  life.addEventListener("abort", () => publisher.stop());
  try {
    await publisher.start();
  } catch (error) {
    here.abort();
    publisher.stop();
    veil.remove();
    throw error;
  }

  const began = Date.now();
  let most = 0;
  const viewers = h("span", { class: "tag viewers", role: "status" }, icon("eye"), h("span", {}, "0"));
  const time = h("span", { class: "tag tabular" }, icon("clock"), h("span", {}, "0:00"));
  duration(time.lastChild, began, here.signal);
  const quit = h("button", { class: "button live compact", type: "button" }, t.host.end);
  const top = picture.querySelector(".top-line");
  on("live:recording", (data) => data.live === live.id && toast(t.live.recordingEnds[data.reason] ?? t.live.recordingEnds.other), here.signal);
  on("live:layers", (data) => data.live === live.id && publisher.want(data), here.signal);
  const health = h("div", { class: "health-of" }, line(publisher, here.signal), figures(live, here.signal));
  const beside = guests(live, { life: here.signal });
  picture.append(beside.node);
  const toggle = iconButton("info", t.host.health, () => {
    health.hidden = !health.hidden;
    toggle.setAttribute("aria-expanded", String(!health.hidden));
  });
  const ask = iconButton("userPlus", t.host.invite, () => inviteGuest(live, here.signal));
  top.replaceChildren(h("div", { class: "facts-line" }, h("span", { class: "tag live" }, t.live.badge), viewers, time), h("span", { class: "grow" }), toggle, ask, iconButton("settings", t.host.desk.title, () => desk(live, here.signal).catch(complain)), iconButton("share", t.share.title, () => share({ path: `/watch/${live.id}`, title: live.title, live: live.id, life: here.signal })), quit);
  health.hidden = matchMedia("(max-width: 40rem)").matches;
  toggle.setAttribute("aria-expanded", String(!health.hidden));
  picture.append(health);

  const mute = iconButton("mic", t.host.mute, () => {
    const [track] = stream.getAudioTracks();
    if (!track) return;
    track.enabled = !track.enabled;
    mute.replaceChildren(icon(track.enabled ? "mic" : "micOff"));
    mute.setAttribute("aria-pressed", String(!track.enabled));
  });
  const chat = room(live, {
    life: here.signal,
    onviewers: (count) => {
      most = Math.max(most, count);
      viewers.lastChild.textContent = shortNumber(count);
    },
    onpublications: beside.update,
    onended: () => finish(),
    extra: [mute],
  });
  node.append(chat);
  node.classList.remove("setting-up");

  let finished = false;
  // Only this page can publish with this token: a host who goes elsewhere ends the live, and is asked before closing the page.
  const leaveQuietly = () => {
    if (finished) return;
    finished = true;
    here.abort();
    publisher.stop();
    lives.end(live.id).catch(() => null);
  };
  listen(window, "beforeunload", (event) => event.preventDefault(), here.signal);
  listen(window, "pagehide", leaveQuietly, here.signal);
  life.addEventListener("abort", leaveQuietly);

  async function finish() {
    if (finished) return;
    finished = true;
    const seconds = (Date.now() - began) / 1000;
    here.abort();
    publisher.stop();
    stop(stream);
    preview.srcObject = null;
    const ended = await lives.end(live.id).catch(() => lives.live(live.id)).catch(() => live);
    chat.remove();
    health.remove();
    top.replaceChildren(h("span", { class: "grow" }), h("a", { class: "icon-button", href: "/", "aria-label": t.close }, icon("close")));
    veil.hidden = false;
    veil.className = "veil";
    const show = (done) => veil.replaceChildren(afterwards(done, seconds, most));
    show(ended);
    // The recording becomes a video a moment after the end.
    on("live:ended", (data) => data.live === live.id && data.video_id && show({ ...ended, video_id: data.video_id }), life);
  }
  quit.addEventListener("click", async () => {
    if (await confirm(t.host.endTitle, t.host.endText, { agree: t.host.end, danger: true })) finish().catch(complain);
  });
}

/** A guest's right to publish goes to them as a link; what is behind the # no server is told. */
function inviteGuest(live, life) {
  const link = h("output", { class: "note", hidden: true });
  const node = sheet(
    t.host.invite,
    form(
      {
        submit: t.host.inviteMake,
        act: async ({ username }) => {
          const { token, publication } = await lives.invite(live.id, username.trim());
          const url = new URL(`/guest/${live.id}`, location.origin);
          url.hash = new URLSearchParams({ token, publication });
          link.hidden = false;
          link.value = url.href;
          await navigator.clipboard?.writeText(url.href).then(() => toast(t.share.copied), () => null);
        },
      },
      field("username", t.host.inviteWho, { autocomplete: "off", autocapitalize: "none", required: true, hint: t.host.inviteHint }),
      link,
    ),
    { life },
  );
  return node;
}

function afterwards(live, seconds, most) {
  const way = live.video_id
    ? h("a", { class: "button primary replay", href: `/video/${live.video_id}` }, icon("play", 20), t.live.replay)
    : h("a", { class: "button primary", href: "/me" }, t.nav.me);
  return empty("check", t.host.overTitle, t.host.overText(span(seconds), most, Boolean(live.video_id)), h("div", { class: "stack" }, way, h("a", { class: "button", href: `/live/${live.id}/insights` }, icon("chart", 20), t.insights.title)));
}

/** Bitrate, loss and the picture's size, as numbers with a line of the last minute. */
function line(publisher, life) {
  const [rate, loss, size] = [0, 1, 2].map(() => h("div", {}, "–"));
  const [rateLine, lossLine, delayLine] = [0, 1, 2].map(() => h("canvas", { "aria-hidden": "true" }));
  const charts = [new Chart(rateLine, { floor: 200 }), new Chart(lossLine, { floor: 0.05 }), new Chart(delayLine, { floor: 30 })];
  measure(
    () => publisher.peer,
    (sample) => {
      rate.textContent = t.host.kbps(Math.round(sample.kbps));
      loss.textContent = `${(sample.loss * 100).toFixed(1)} %`;
      size.textContent = `${sample.height}p ${Math.round(sample.fps)}`;
      [sample.kbps, sample.loss, sample.rtt_ms].forEach((value, i) => charts[i].push(value));
    },
    life,
  );
  const cell = (name, value, chart) => h("div", {}, h("dt", {}, name), h("dd", {}, value, chart));
  return h("dl", { class: "health", "aria-label": t.host.health }, cell(t.host.bitrate, rate, rateLine), cell(t.host.loss, loss, lossLine), cell(t.host.picture, size, delayLine));
}
