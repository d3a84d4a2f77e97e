// Meet somebody new: wait, see who it is, talk or look at each other, and go on to the next.
import { h, fill } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { span } from "../core/times.js";
import { complain } from "../core/toast.js";
import { people } from "../api/index.js";
import { whenPublished } from "../live/published.js";
import { clockFace, camera, stop } from "../media/source.js";
import { Viewer } from "../media/whep.js";
import { Publisher } from "../media/whip.js";
import { thread } from "../messages/thread.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { head } from "../parts/head.js";
import { act, friendButton } from "../parts/person.js";
import { report } from "../parts/report.js";
import { emit, on } from "../realtime/link.js";

const MODES = { chat: "messages", video: "camera" };

export default function meet({ life }) {
  const place = h("div", { class: "column meet" });
  const node = h("div", { class: "page" }, head(t.meet.title, { up: "/discover" }), place);
  let mode = null; // what one waits for or is in; null while one only looks
  let dropped = false; // the link went since one entered: the server no longer knows that one waits
  let here = new AbortController(); // ends what the present state of the page has running

  /** Draws another state; what ran in the last one ends. */
  function show(...children) {
    here.abort();
    here = new AbortController();
    fill(place, children);
    return here.signal;
  }

  function timer(from, signal) {
    const text = h("span", { class: "tabular", role: "timer" }, "0:00");
    const beat = setInterval(() => (text.textContent = span((Date.now() - from) / 1000)), 1000);
    signal.addEventListener("abort", () => clearInterval(beat));
    return text;
  }

  function choose(note = null) {
    mode = null;
    const words = account()?.interests ?? [];
    show(
      note && h("div", { class: "note", role: "status" }, icon("info", 20), h("span", {}, note)),
      h(
        "section",
        { class: "card pad stack" },
        h("h2", {}, t.meet.how),
        h("p", { class: "soft" }, t.meet.intro),
        h("div", { class: "line-up" }, Object.keys(MODES).map((one) => act(t.meet.modes[one], () => enter(one), { primary: true, icon: MODES[one], compact: false }))),
        h("p", { class: "soft small" }, words.length ? t.meet.interests(words.join(", ")) : t.meet.noInterests, " ", h("a", { href: "/me/profile" }, t.me.edit)),
      ),
      h("div", { class: "note" }, icon("shield", 20), h("span", {}, t.meet.safety)),
    );
  }

  async function enter(wanted) {
    await emit("match:enter", { mode: wanted });
    mode = wanted;
    dropped = false;
    const clock = h("span", {});
    const signal = show(
      h(
        "section",
        { class: "card pad stack meet-wait", role: "status" },
        h("div", { class: "meet-rings", "aria-hidden": "true" }, h("i", {}), h("i", {}), avatar(account(), "large")),
        h("h2", {}, t.meet.waiting),
        h("p", { class: "soft" }, t.meet.waitingText, " ", clock),
        act(t.cancel, leave, { compact: false }),
      ),
    );
    clock.append(timer(Date.now(), signal));
  }

  async function leave() {
    await emit("match:leave");
    choose();
  }

  async function found(meeting) {
    // Another tab of this browser waits, not this one.
    if (!mode) return;
    mode = meeting.mode;
    const { peer } = meeting;
    const clock = h("span", { class: "tag" }, icon("clock"));
    const add = h("span", {}, friendButton({ ...peer, standing: "none" }));
    const signal = show(
      h(
        "section",
        { class: "card pad stack" },
        h("div", { class: "row-item" }, avatar(peer), h("div", { class: "body" }, h("span", { class: "title clip" }, nameOf(peer)), h("div", { class: "line-up soft small" }, h("span", { class: "clip" }, `@${peer.username}`), clock)), add),
        peer.interests.length ? h("p", { class: "line-up" }, h("span", { class: "soft small" }, t.meet.common), peer.interests.map((word) => h("span", { class: "tag good" }, word))) : null,
        meeting.live && h("div", { class: "meet-pictures" }),
        h(
          "div",
          { class: "line-up" },
          act(t.meet.next, () => enter(mode), { primary: true, icon: "forward" }),
          act(t.meet.end, leave, { icon: "stop" }),
          act(t.report.title, async () => report({ kind: "user", username: peer.username }, { person: peer.username, life: signal }), { icon: "flag" }),
        ),
      ),
      h("div", { class: "meet-talk", data: { talk: meeting.conversation } }),
    );
    clock.append(timer(Date.now(), signal));
    people.user(peer.username).then((person) => !signal.aborted && add.replaceChildren(friendButton(person)), () => null);
    if (meeting.live) pictures(place.querySelector(".meet-pictures"), meeting, signal).catch(complain);
    const talk = thread(meeting.conversation, { life: signal });
    place.querySelector(".meet-talk").append(talk.node);
    await talk.ready;
    // Whom one meets comes first, though the place to write has the focus.
    place.firstElementChild?.scrollIntoView({ block: "end" });
  }

  async function pictures(frame, { live, peer }, signal) {
    const mine = await camera().catch(() => clockFace(nameOf(account())));
    if (signal.aborted) return stop(mine);
    const viewer = new Viewer(live.whep);
    const publisher = new Publisher({ endpoint: live.whip, token: live.token, stream: mine });
    const veil = h("p", { class: "soft small", role: "status" }, t.meet.connecting);
    viewer.addEventListener("state", ({ detail }) => (veil.hidden = detail === "watching"));
    frame.append(
      h("video", { class: "theirs", autoplay: true, playsinline: true, srcObject: viewer.stream, "aria-label": nameOf(peer) }),
      h("video", { class: "mine", autoplay: true, playsinline: true, muted: true, srcObject: mine, "aria-label": t.meet.mine }),
      veil,
    );
    signal.addEventListener("abort", () => (publisher.stop(), viewer.stop(), stop(mine)));
    whenPublished(live.id, live.peer_publication, signal).then(() => signal.aborted || viewer.start());
    await publisher.start();
  }

  on("match:found", (meeting) => found(meeting).catch(complain), life);
  on("match:ended", ({ reason }) => mode && !place.querySelector(".meet-wait") && choose(t.meet.ended[reason] ?? t.meet.ended.left), life);
  // Word of the first connection may come after the entry that went over it: to enter again then would end a meeting just begun.
  on(
    "link",
    (state) => {
      if (state !== "on") dropped = true;
      else if (dropped && mode && place.querySelector(".meet-wait")) enter(mode).catch(complain);
    },
    life,
  );
  life.addEventListener("abort", () => {
    here.abort();
    if (mode) emit("match:leave").catch(() => null);
  });
  addEventListener("pagehide", () => mode && emit("match:leave").catch(() => null), { signal: life });
  choose();
  return { title: t.meet.title, node };
}
