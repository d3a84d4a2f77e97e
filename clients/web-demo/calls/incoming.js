// Somebody calls: a sheet over whatever page is open, in every tab, until one answers or it is over.
import { calls } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account, signedIn } from "../core/session.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { on } from "../realtime/link.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { sheet } from "../parts/sheet.js";
import { answer, hangUp } from "./now.js";

const open = new Map(); // call id → its sheet

function show(rung) {
  if (open.has(rung.call)) return;
  let decided = false;
  const decide = (what) => {
    decided = true;
    node.close();
    what();
  };
  const take = h("button", { class: "button primary wide", type: "button" }, icon(rung.video ? "camera" : "phone", 20), t.calls.answer);
  const leave = h("button", { class: "button danger wide", type: "button" }, icon("hangUp", 20), t.calls.decline);
  take.addEventListener("click", () => decide(() => answer(rung)));
  leave.addEventListener("click", () => decide(() => hangUp(rung.call)));
  const node = sheet(
    rung.video ? t.calls.incomingVideo : t.calls.incoming,
    h("div", { class: "calling-card" }, avatar(rung.from, "large"), h("strong", {}, nameOf(rung.from)), h("span", { class: "soft" }, `@${rung.from.username}`)),
    {
      foot: h("div", { class: "stack tight" }, take, leave),
      onclose: () => {
        open.delete(rung.call);
        // Put away without a word: it rings on elsewhere, and can still be answered here.
        if (!decided && Date.now() < rung.until) toast(t.calls.stillRings(nameOf(rung.from)), { icon: "phone", action: { label: t.calls.answer, onclick: () => answer(rung) } });
      },
    },
  );
  node.forget = () => {
    decided = true;
    node.close();
  };
  open.set(rung.call, node);
}

const close = ({ call }) => open.get(call)?.forget();

export function startCalls() {
  on("call:ringing", show);
  on("call:answered", close);
  on("call:ended", close);
  // What rang before this page was open.
  on("link", async (state) => {
    // Nobody rings before phone and mail are confirmed.
    const me = account();
    if (state !== "on" || !signedIn() || me?.phone_verified === false || me?.email_verified === false) return;
    const { items } = await calls.ringing().catch(() => ({ items: [] }));
    for (const one of items) show({ call: one.id, from: one.peer, video: one.video, until: one.began_at + 45_000 });
  });
}
