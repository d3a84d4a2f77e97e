// Choosing whom something goes to: conversations first, then friends without one.
import { conversations as api, people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
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
    const { items } = await people.friends();
    const friends = items.filter((friend) => !known.has(friend.username));
    if (!all.length && !friends.length) return fill(list, h("p", { class: "soft" }, t.share.noFriends));
    fill(
      list,
      h(
        "ul",
        { class: "rows" },
        all.map((one) => row(pictureOf(one), nameOf(otherOf(one)), async () => one)),
        friends.map((friend) => row(avatar(friend), nameOf(friend), () => api.direct(friend.username))),
      ),
    );
  })().catch(complain);
  return node;
}
