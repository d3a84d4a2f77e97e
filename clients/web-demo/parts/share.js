// Sharing: to a friend's chat, through the system's own sheet, or as a link.
import { conversations, people, videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { send } from "../messages/outbox.js";
import { avatar, nameOf } from "./avatar.js";
import { rowBones } from "./skeleton.js";
import { sheet } from "./sheet.js";

/** `path` is the page; `video` counts the share where there is one. */
export function share({ path, title, video = null, life }) {
  const url = new URL(path, location.origin).href;
  const count = (channel) => video && videos.share(video, { channel }).catch(() => null);

  const copy = async () => {
    await navigator.clipboard?.writeText(url).catch(() => null);
    count("link");
    toast(t.share.copied);
    node.close();
  };
  const list = h("div", {}, rowBones(3));
  const node = sheet(
    t.share.title,
    h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "line-up" },
        h("button", { class: "button", type: "button", onclick: copy }, icon("share", 20), t.share.copy),
        navigator.share &&
          h("button", { class: "button", type: "button", onclick: () => navigator.share({ title, url }).then(() => count("link"), () => null) }, t.share.elsewhere),
      ),
      h("h3", {}, t.share.friends),
      list,
    ),
    { life },
  );

  const give = async (friend, button) => {
    button.setAttribute("aria-busy", "true");
    try {
      const { id } = await conversations.direct(friend.username);
      await send(id, title ? `${title}\n${url}` : url);
      count("friend");
      button.replaceChildren(t.share.sent);
      button.disabled = true;
    } catch (error) {
      complain(error);
    }
    button.removeAttribute("aria-busy");
  };
  people.friends().then(({ items }) => {
    if (!items.length) return list.replaceChildren(h("p", { class: "soft" }, t.share.noFriends));
    const row = (friend) => {
      const button = h("button", { class: "button compact primary", type: "button" }, t.share.send);
      button.addEventListener("click", () => give(friend, button));
      return h("li", {}, h("div", { class: "row-item" }, avatar(friend), h("div", { class: "body" }, h("div", { class: "title clip" }, nameOf(friend))), button));
    };
    list.replaceChildren(h("ul", { class: "rows" }, items.map(row)));
  }, complain);
}
