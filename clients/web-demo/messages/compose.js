// The place to write: words, files, a recording of the voice; answering one message, or changing one's own.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { span } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { emit, linkState } from "../realtime/link.js";
import { iconButton } from "../parts/head.js";
import { edit, send } from "./outbox.js";
import { wordOf } from "./bubble.js";

// "Typing" is said again while it goes on.
const TYPING_AGAIN_MS = 3000;
// What this device and the reader's keep of one message's file.
const FILE_LIMIT_BYTES = 512 * 1024 * 1024;
// Longer recordings are calls.
const VOICE_LIMIT_MS = 5 * 60 * 1000;

export function writer(id, life) {
  const input = h("textarea", { rows: 1, maxlength: 4000, placeholder: t.messages.write, "aria-label": t.messages.write, enterkeyhint: "send" });
  const button = h("button", { class: "icon-button main", type: "submit", "aria-label": t.messages.send, hidden: true }, icon("send"));
  const files = h("input", { type: "file", accept: "image/*,video/mp4,video/webm", multiple: true, hidden: true, "aria-label": t.messages.attach });
  const clip = iconButton("clip", t.messages.attach, () => files.click(), { class: "icon-button plain" });
  const mic = iconButton("mic", t.messages.record, () => record(), { class: "icon-button main" });
  const recording = h("div", { class: "recording", role: "status", hidden: true });
  const strip = h("div", { class: "strip", hidden: true });
  const line = h("div", { class: "compose-line" }, clip, input, recording, mic, button);
  const node = h("form", { class: "compose" }, strip, line, files);
  let about = null; // { answer: message } or { change: message }
  let told = 0;

  const tell = (active) => {
    if (active && Date.now() - told < TYPING_AGAIN_MS) return;
    if (!active && !told) return;
    told = active ? Date.now() : 0;
    if (linkState() === "on") emit("typing", { conversation: id, active }).catch(() => null);
  };
  const ready = () => {
    const words = Boolean(input.value.trim());
    button.hidden = !words;
    mic.hidden = words || !navigator.mediaDevices;
    if (!navigator.mediaDevices) button.hidden = false;
    return words;
  };
  function set(next) {
    about = next;
    const message = next?.answer ?? next?.change;
    strip.hidden = !message;
    if (!message) return strip.replaceChildren();
    const words = h("div", { class: "body" }, h("div", { class: "strong small" }, next.change ? t.messages.changing : t.messages.answering(message.mine ? t.messages.yourself : message.sender)), h("div", { class: "soft small clip" }, message.body ?? wordOf(message)));
    strip.replaceChildren(icon(next.change ? "edit" : "reply", 20), words, iconButton("close", t.cancel, () => (next.change && (input.value = ""), set(null), ready())));
    if (next.change) input.value = message.body;
    ready();
    input.focus();
  }

  async function give(list) {
    const chosen = [...list];
    const large = chosen.find((one) => one.size > FILE_LIMIT_BYTES);
    if (large) return toast(t.messages.tooLarge(large.name), { bad: true });
    const reply_to = about?.answer?.id ?? null;
    set(null);
    for (const blob of chosen) await send(id, null, { attachments: [{ kind: blob.type.startsWith("video/") ? "video" : "image", blob }], reply_to });
  }
  files.addEventListener("change", () => give(files.files).then(() => (files.value = ""), complain));
  input.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])].filter((one) => /^(image|video)\//.test(one.type));
    if (!pasted.length) return;
    event.preventDefault();
    give(pasted).catch(complain);
  });

  /** Records until it is sent or thrown away. */
  async function record() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
    if (!stream) return toast(t.messages.noMicrophone, { bad: true });
    const type = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg"].find((one) => MediaRecorder.isTypeSupported(one));
    const recorder = new MediaRecorder(stream, { mimeType: type });
    const pieces = [];
    const began = Date.now();
    let keep = false;
    const stop = (wanted) => {
      keep = wanted;
      if (recorder.state !== "inactive") recorder.stop();
    };
    const time = h("span", { class: "time" }, span(0));
    const tick = setInterval(() => {
      time.textContent = span((Date.now() - began) / 1000);
      if (Date.now() - began > VOICE_LIMIT_MS) stop(true);
    }, 250);
    recorder.addEventListener("dataavailable", ({ data }) => data.size && pieces.push(data));
    recorder.addEventListener("stop", () => {
      clearInterval(tick);
      for (const track of stream.getTracks()) track.stop();
      recording.hidden = true;
      input.hidden = clip.hidden = false;
      ready();
      if (!keep) return;
      const blob = new Blob(pieces, { type: type.split(";")[0] });
      const reply_to = about?.answer?.id ?? null;
      set(null);
      send(id, null, { attachments: [{ kind: "voice", blob, meta: { duration_ms: Date.now() - began } }], reply_to }).catch(complain);
    });
    recording.replaceChildren(
      h("i", { class: "dot" }),
      time,
      h("span", { class: "soft small" }, t.messages.recording),
      iconButton("trash", t.messages.throwAway, () => stop(false)),
      iconButton("send", t.messages.sendVoice, () => stop(true), { class: "icon-button main" }),
    );
    recording.hidden = false;
    input.hidden = clip.hidden = mic.hidden = button.hidden = true;
    recorder.start();
    life.addEventListener("abort", () => stop(false));
  }

  input.addEventListener("input", () => tell(ready()));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    node.requestSubmit();
  });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = input.value.trim();
    if (!body) return;
    const now = about;
    input.value = "";
    set(null);
    ready();
    tell(false);
    const done = now?.change ? edit(now.change, body) : send(id, body, { reply_to: now?.answer?.id ?? null });
    done.catch(complain);
  });
  life.addEventListener("abort", () => tell(false));
  ready();
  return { node, focus: () => input.focus(), answer: (message) => set({ answer: message }), change: (message) => set({ change: message }) };
}
