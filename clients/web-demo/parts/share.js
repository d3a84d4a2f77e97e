// Sharing: as a card to a friend, a group or a broadcast list, through the system's own sheet, or as a link.
import { lives, posts, videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { otherOf } from "../messages/list.js";
import { pick } from "../messages/pick.js";

const CHANNELS = { direct: "friend", group: "group", broadcast: "broadcast" };

/** `path` is the page; `video`, `live` or `post` is the id of what is shared. */
export function share({ path, title, video = null, live = null, post = null, life }) {
  const url = new URL(path, location.origin).href;
  const tell = (how) => (video ? videos.share(video, how) : live ? lives.share(live, how) : post ? posts.share(post, how) : null);
  const link = () => Promise.resolve(tell({ channel: "link" })).catch(() => null);
  const copy = async () => {
    await navigator.clipboard?.writeText(url).catch(() => null);
    link();
    toast(t.share.copied);
    node.close();
  };
  const give = (id, conversation) => {
    const channel = CHANNELS[conversation.kind];
    return tell({ channel, to: channel === "friend" ? otherOf(conversation).username : id });
  };
  const node = pick(t.share.title, give, life);
  node.querySelector(".sheet-body").prepend(
    h(
      "div",
      { class: "line-up share-ways" },
      h("button", { class: "button", type: "button", onclick: copy }, icon("link", 20), t.share.copy),
      navigator.share && h("button", { class: "button", type: "button", onclick: () => navigator.share({ title, url }).then(link, () => null) }, icon("share", 20), t.share.elsewhere),
    ),
  );
  return node;
}
