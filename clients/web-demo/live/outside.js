// A live that another program publishes to (OBS, GStreamer, ffmpeg): where to, with which token, how it stands, and its end.
import { lives } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { dateAndTime } from "../core/times.js";
import { toast } from "../core/toast.js";
import { empty } from "../parts/empty.js";
import { field } from "../parts/field.js";
import { head, iconButton } from "../parts/head.js";
import { act } from "../parts/person.js";
import { share } from "../parts/share.js";
import { confirm } from "../parts/sheet.js";
import { textBones } from "../parts/skeleton.js";
import { desk } from "./desk.js";

// How often it is asked whether the program has come.
const LOOK_EVERY_MS = 3000;
// A token is told once: this page keeps it until it is left for good.
const told = new Map();

/** Makes a live and leads to its page here. `fields` as for `lives.create`. */
export async function goOutside(fields, once) {
  const { id } = await lives.create(fields, once);
  told.set(id, await lives.publishToken(id));
  go(`/live?live=${id}`, { replace: true });
}

/** The page of one's own live that no camera of this browser publishes to. */
export function outside(id, life) {
  const words = t.host.outside;
  const place = h("div", { class: "column" }, textBones(5));
  const state = h("span", { class: "tag", role: "status" });
  const key = h("div", { class: "stack" });
  let live = null;

  const copied = (name, label, value, more = {}) => {
    const shown = field(name, label, { value, readonly: true, spellcheck: "false", autocomplete: "off", ...more });
    const copy = act(words.copy(label), async () => (await navigator.clipboard.writeText(value), toast(words.copied)), { icon: "link" });
    return h("div", { class: "stack tight" }, shown, h("div", {}, copy));
  };

  function drawKey() {
    const held = told.get(id);
    const renew = act(held ? words.renew : words.make, async () => (told.set(id, await lives.publishToken(id)), drawKey()));
    fill(key, held && copied("token", words.token, held.token, { type: "password", hint: words.until(dateAndTime(held.expires_at)) }), h("div", {}, renew), h("p", { class: "soft small" }, words.renewText));
  }

  function drawState() {
    const on = live.state === "live";
    state.className = `tag ${on ? "live" : "warning"}`;
    fill(state, on ? [t.live.badge, " ", icon("eye", 16), String(live.viewers)] : words.waiting);
  }

  const over = () => fill(place, empty("check", t.host.overTitle, words.over, h("a", { class: "button primary", href: `/live/${id}/insights` }, icon("chart", 20), t.insights.title), h("a", { class: "button", href: "/me" }, t.nav.me)));

  async function end() {
    if (!(await confirm(t.host.endTitle, t.host.endText, { agree: t.host.end, danger: true }))) return;
    live = await lives.end(id);
    over();
  }

  async function look() {
    if (life.aborted || live.state === "ended") return;
    live = await lives.live(id).catch(() => live);
    if (live.state === "ended") return over();
    drawState();
    setTimeout(look, LOOK_EVERY_MS);
  }

  async function open() {
    live = await lives.live(id);
    if (live.state === "ended") return over();
    drawState();
    drawKey();
    fill(
      place,
      h("section", { class: "card pad stack" }, h("div", { class: "between" }, h("h2", {}, live.title), state), h("p", { class: "soft" }, words.text), copied("whip", words.address, new URL(`/whip/${id}`, location.origin).href), key),
      h("div", { class: "line-up" }, act(t.host.desk.title, () => desk(live, life), { icon: "settings" }), act(t.host.end, end, { danger: true })),
    );
    setTimeout(look, LOOK_EVERY_MS);
  }
  const sharing = iconButton("share", t.share.title, () => live && share({ path: `/watch/${id}`, title: live.title, live: id, life }));
  return { title: words.title, node: h("div", { class: "page" }, head(words.title, { up: "/", actions: [sharing] }), place), ready: open() };
}
