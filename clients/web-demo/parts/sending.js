// One file on its way: how far it has come, then how far it is made ready, then the choice of its poster.
import { videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import * as outgoing from "../media/outgoing.js";
import * as tus from "../media/tus.js";
import { on } from "../realtime/link.js";
import { posterChoice } from "./poster.js";

// Asked for beside what Socket.IO tells, which may be away.
const ASK_MS = 4000;

export function sending(file, { path, title }, life) {
  const bar = h("progress", { max: 100, value: 0, "aria-label": t.upload.progress });
  const words = h("p", { class: "soft", role: "status" }, t.upload.sending(0));
  const stop = new AbortController();
  const cancel = h("button", { class: "button", type: "button", onclick: end }, t.upload.cancel);
  const rest = h("div", { class: "stack" }, cancel);
  const node = h("section", { class: "card pad sending" }, h("h2", {}, title || file.name), bar, words, rest);
  life.addEventListener("abort", () => stop.abort());

  const show = (text, percent) => {
    words.textContent = text;
    bar.value = percent;
  };

  async function end() {
    stop.abort();
    node.remove();
    await tus.drop(path);
    await outgoing.forget(account(), path);
  }

  async function run() {
    const onsent = (bytes) => show(t.upload.sending(Math.floor((100 * bytes) / file.size)), (100 * bytes) / file.size);
    try {
      const resource = await tus.send(path, file, { onsent, signal: stop.signal });
      await outgoing.forget(account(), path);
      cancel.remove();
      watch(resource.split("/").pop());
    } catch (error) {
      if (error.name === "AbortError") return;
      await outgoing.forget(account(), path);
      failed(error.message);
    }
  }

  function failed(text) {
    bar.remove();
    fill(rest, h("div", { class: "note bad", role: "alert" }, text));
    words.remove();
  }

  function watch(id) {
    let last = 0;
    let timer = null;
    const told = (status, progress) => {
      last = Math.max(last, progress);
      if (status === "processing") return show(t.upload.making(Math.floor(100 * last)), 100 * last);
      clearInterval(timer);
      if (!watching.signal.aborted) watching.abort();
      ask();
    };
    const watching = new AbortController();
    const ask = async () => {
      const video = await videos.video(id).catch(() => null);
      if (!video || life.aborted) return;
      if (video.status === "processing") told("processing", video.progress);
      else {
        clearInterval(timer);
        watching.abort();
        if (video.status === "failed") failed(t.upload.failed[video.failure] ?? t.video.failedTitle);
        else ready(video);
      }
    };
    on("video.progress", (data) => data.video === id && told(data.status, data.progress), watching.signal);
    show(t.upload.making(0), 0);
    timer = setInterval(ask, ASK_MS);
    life.addEventListener("abort", () => (clearInterval(timer), watching.abort()));
    ask();
  }

  let isReady = false;
  async function ready(video) {
    if (isReady) return;
    isReady = true;
    show(t.upload.ready, 100);
    fill(rest, h("a", { class: "button primary", href: `/video/${video.id}` }, t.upload.see), await posterChoice(video));
  }

  run();
  return node;
}
