// A post: as a screen of the feed, and as a card in lists. One with a video is shown by the video's own slide.
import { posts } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";
import { choicesOf } from "./choices.js";
import { report } from "./report.js";
import { share } from "./share.js";
import { confirm, menu } from "./sheet.js";

// Up to here a text without pictures is set large.
const SHORT_CHARS = 160;

const sharing = (item, life) => share({ path: `/post/${item.id}`, title: item.text, post: item.id, life });

function more(item, { life, leave, ongone }) {
  const mine = item.owner.username === account()?.username;
  const drop = async () => {
    if (!(await confirm(t.post.dropTitle, t.post.dropText, { agree: t.remove, danger: true }))) return;
    try {
      await posts.drop(item.id);
      toast(t.post.dropped);
      ongone?.();
    } catch (error) {
      complain(error);
    }
  };
  menu(
    t.post.by(nameOf(item.owner)),
    [
      ...choicesOf(item, leave),
      !mine && { icon: "flag", label: t.report.title, onclick: () => report({ kind: "post", id: item.id }, { person: item.owner.username, life }) },
      { icon: "document", label: t.nav.claim, href: `/claim?target=${encodeURIComponent(`${location.origin}/post/${item.id}`)}` },
      mine && { icon: "trash", label: t.post.drop, danger: true, onclick: drop },
    ],
    life,
  );
}

const pictures = (item, size) => item.images.map((one, i) => h("img", { src: one.files[size], width: one.width, height: one.height, alt: t.post.picture(i + 1, item.images.length), loading: "lazy", decoding: "async" }));

/** What a reel asks of a slide; nothing plays in it. */
export class PostSlide {
  constructor(item, life, { leave } = {}) {
    this.item = item;
    const short = !item.images.length && item.text.length <= SHORT_CHARS;
    const button = (name, label, text, onclick) => h("button", { type: "button", "aria-label": label, onclick }, h("span", { class: "disc" }, icon(name)), h("span", {}, text));
    const gone = () => (this.node.hidden = true);
    this.node = h(
      "article",
      { class: "slide post-slide", "aria-label": t.post.by(nameOf(item.owner)) },
      item.images.length > 0 && h("div", { class: "post-pictures", tabindex: "0", role: "group", "aria-label": t.post.pictures }, pictures(item, "1080")),
      item.images.length > 0 && h("div", { class: "shade" }),
      h(
        "div",
        { class: ["post-words", short && "short"] },
        h("a", { class: "by", href: `/u/${item.owner.username}` }, avatar(item.owner, "small"), h("span", {}, nameOf(item.owner)), h("span", { class: "small when" }, ago(item.created_at))),
        item.text && h("p", { class: "post-text", tabindex: short ? null : "0" }, item.text),
        item.removed && h("span", { class: "tag bad" }, t.video.hidden),
      ),
      h("div", { class: "acts" }, button("share", t.share.title, t.share.short, () => sharing(item, life)), button("more", t.more, "", () => more(item, { life, leave, ongone: gone }))),
    );
  }

  prepare() {}
  activate() {}
  rest() {}
  letGo() {}
}

/** A post in a list. */
export function postCard(item, life) {
  const node = h(
    "article",
    { class: "card pad post-card" },
    h("div", { class: "between" }, h("a", { class: "by line-up", href: `/u/${item.owner.username}` }, avatar(item.owner, "small"), h("span", { class: "strong" }, nameOf(item.owner)), h("span", { class: "soft small" }, ago(item.created_at))), h("button", { class: "icon-button", type: "button", "aria-label": t.more, onclick: () => more(item, { life, ongone: () => node.remove() }) }, icon("more"))),
    h("a", { class: "inside", href: `/post/${item.id}` }, item.text && h("p", { class: "post-text" }, item.text), item.images.length > 0 && h("div", { class: "post-thumbs" }, pictures(item, "320").slice(0, 3)), item.video?.poster && h("div", { class: "post-thumbs" }, h("img", { src: item.video.poster, alt: item.video.title || t.video.title, loading: "lazy" }))),
  );
  return node;
}
