// Choosing whom something goes to: conversations first, then friends without one.
import { conversations as api, people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { paged } from "../parts/paged.js";
import { act } from "../parts/person.js";
import { sheet } from "../parts/sheet.js";
import { rowBones } from "../parts/skeleton.js";
import * as history from "./history.js";
import { otherOf, pictureOf } from "./list.js";

/** `give(conversation id, conversation)` for each that is chosen; friends get their direct conversation. */
export function pick(title, give, life) {
  const list = h("div", {}, rowBones(4));
  const node = sheet(title, list, { life });
  const row = (face, name, find) => {
    const button = act(t.share.send, async () => {
      const one = await find();
      await give(one.id, one);
      button.replaceChildren(t.share.sent);
      button.disabled = true;
    }, { primary: true });
    return h("li", {}, h("div", { class: "row-item" }, face, h("div", { class: "body" }, h("div", { class: "title clip" }, name)), button));
  };
  (async () => {
    const all = (await history.conversations()).filter((one) => one.kind && !one.left && one.request !== "asked");
    const known = new Set(all.filter((one) => one.kind === "direct").map((one) => otherOf(one).username));
    const first = await people.friends();
    const friend = (one) => !known.has(one.username) && row(avatar(one), nameOf(one), () => api.direct(one.username));
    if (!all.length && !first.items.length) return fill(list, h("p", { class: "soft" }, t.share.noFriends));
    const rows = h("ul", { class: "rows" }, all.map((one) => row(pictureOf(one), nameOf(otherOf(one)), async () => one)));
    fill(list, paged(rows, first, friend, people.friends));
  })().catch(complain);
  return node;
}
