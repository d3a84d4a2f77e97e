// Cards in messages: a video, a live, a post or a person, asked for by their id, so that each reader sees what is shown to them.
import { lives, posts, videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { avatar, nameOf } from "../parts/avatar.js";

const KINDS = {
  video_card: { read: (id) => videos.video(id), href: (id) => `/video/${id}?from=chat`, icon: "play", title: (one) => one.title || t.feed.untitled, who: (one) => one.owner },
  live_card: { read: (id) => lives.live(id), href: (id) => `/watch/${id}?from=chat`, icon: "live", title: (one) => one.title, who: (one) => one.host },
  post_card: { read: (id) => posts.post(id), href: (id) => `/post/${id}?from=chat`, icon: "document", title: (one) => one.text, who: (one) => one.owner },
};

export function cardOf({ kind, id, name, phone }) {
  if (kind === "contact") {
    const words = h("span", { class: "body" }, h("span", { class: "title clip" }, name || `@${id}`), h("span", { class: "soft small clip" }, phone || t.messages.kinds.contact));
    return h(id ? "a" : "span", { class: "share-card", href: id ? `/u/${id}` : null }, avatar({ username: name || id }), words);
  }
  const how = KINDS[kind];
  const node = h("a", { class: "share-card" }, h("span", { class: "thumb" }, icon(how?.icon ?? "info")), h("span", { class: "body" }, h("span", { class: "title" }, t.messages.kinds[kind] ?? t.messages.something)));
  how?.read(id).then(
    (one) => {
      node.href = how.href(id);
      const picture = one.poster ? h("img", { src: one.poster, alt: "", loading: "lazy" }) : icon(how.icon);
      fill(node, h("span", { class: "thumb" }, picture), h("span", { class: "body" }, h("span", { class: "title" }, how.title(one)), h("span", { class: "soft small clip" }, `${t.messages.kinds[kind]} · ${nameOf(how.who(one))}`)));
    },
    () => fill(node, h("span", { class: "thumb" }, icon("eyeOff")), h("span", { class: "body" }, h("span", { class: "title" }, t.messages.cardGone))),
  );
  return node;
}
