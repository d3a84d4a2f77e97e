// A post: as a screen of the feed, and as a card in lists. One with a video is shown by the video's own slide.
import { posts } from "../api/index.js";
import { Beats } from "../core/beats.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { toast } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";
import { choicesOf } from "./choices.js";
import { compose } from "./composer.js";
import { likers } from "./likers.js";
import { report } from "./report.js";
import { share } from "./share.js";
import { confirm, menu } from "./sheet.js";
import { likeButton, talkButton } from "./talk.js";
import { whyRow } from "./why.js";
import { words } from "./words.js";

// Up to here a text without pictures is set large.
const SHORT_CHARS = 160;

const sharing = (item, life) => share({ path: `/post/${item.id}`, title: item.text, post: item.id, life });

/** Rows for a menu: what one may do with a post of one's own. `onedit(post)` and `ongone()` are told when it was changed or is gone. */
export function manage(item, { life, ongone, onedit }) {
  if (item.owner.username !== account()?.username) return [];
  const drop = async () => {
    if (!(await confirm(t.post.dropTitle, t.post.dropText, { agree: t.remove, danger: true }))) return;
    await posts.drop(item.id);
    toast(t.post.dropped);
    ongone?.();
  };
  return [
    // Read anew first: its version guards what somebody changed on another device.
    { icon: "edit", label: t.post.edit, onclick: async () => compose({ life, post: await posts.post(item.id), ondone: onedit }) },
    { icon: "trash", label: t.post.drop, danger: true, onclick: drop },
  ];
}

function more(item, { life, leave, ongone, onedit }) {
  const mine = item.owner.username === account()?.username;
  menu(
    t.post.by(nameOf(item.owner)),
    [
      mine && { icon: "chart", label: t.insights.title, href: `/post/${item.id}/insights` },
      item.likes > 0 && { icon: "heart", label: t.likes.title, onclick: () => likers(item, life) },
      whyRow(item, life),
      ...choicesOf(item, leave),
      !mine && { icon: "flag", label: t.report.title, onclick: () => report({ kind: "post", id: item.id }, { person: item.owner.username, life }) },
      !mine && { icon: "document", label: t.nav.claim, href: `/claim?target=${encodeURIComponent(`${location.origin}/post/${item.id}`)}` },
      ...manage(item, { life, ongone, onedit }),
    ],
    life,
  );
}

const pictures = (item, size) => item.images.map((one, i) => h("img", { src: one.files[size], width: one.width, height: one.height, alt: one.alt || t.post.picture(i + 1, item.images.length), loading: "lazy", decoding: "async" }));

const when = (item) => h("a", { class: "when small", href: `/post/${item.id}` }, ago(item.created_at), item.edited_at ? ` · ${t.post.edited}` : null);

/** What a reel asks of a slide; nothing plays in it, and as long as it is shown it is read. */
export class PostSlide {
  constructor(item, life, { leave, source = "feed" } = {}) {
    Object.assign(this, { item, life, leave });
    this.beats = new Beats((seconds) => posts.view(item.id, seconds, source));
    life.addEventListener("abort", () => this.beats.stop());
    this.node = h("article", { class: "slide post-slide", "aria-label": t.post.by(nameOf(item.owner)) });
    this.#draw();
  }

  #draw() {
    const { item, life, leave } = this;
    const short = !item.images.length && item.text.length <= SHORT_CHARS;
    const button = (name, label, text, onclick) => h("button", { type: "button", "aria-label": label, onclick }, h("span", { class: "disc" }, icon(name)), h("span", {}, text));
    const ongone = () => leave((other) => other === this.item, true);
    const onedit = (post) => {
      this.item = { ...post, why: item.why };
      this.#draw();
    };
    fill(
      this.node,
      item.images.length > 0 && h("div", { class: "post-pictures", tabindex: "0", role: "group", "aria-label": t.post.pictures }, pictures(item, "1080")),
      item.images.length > 0 && h("div", { class: "shade" }),
      h(
        "div",
        { class: ["post-words", short && "short"] },
        h("div", { class: "line-up" }, h("a", { class: "by", href: `/u/${item.owner.username}` }, avatar(item.owner, "small"), h("span", { class: "clip" }, nameOf(item.owner))), when(item)),
        item.text && h("p", { class: "post-text", tabindex: short ? null : "0" }, words(item.text)),
        item.removed && h("span", { class: "tag bad" }, t.video.hidden),
      ),
      h("div", { class: "acts" }, likeButton(item), talkButton(item, life), button("share", t.share.title, t.share.short, () => sharing(item, life)), button("more", t.more, "", () => more(item, { life, leave, ongone, onedit }))),
    );
  }

  prepare() {}
  activate() {
    // One's own is not counted.
    if (this.item.owner.username !== account()?.username) this.beats.start();
  }
  rest() {
    this.beats.stop();
  }
  letGo() {
    this.beats.stop();
  }
}

/** A post in a list. */
export function postCard(item, life) {
  const act = { life, ongone: () => node.remove(), onedit: (post) => node.replaceWith(postCard(post, life)) };
  const thumbs = [...pictures(item, "320").slice(0, 3), item.video?.poster && h("img", { src: item.video.poster, alt: item.video.title || t.video.title, loading: "lazy" })].filter(Boolean);
  const node = h(
    "article",
    { class: "card pad post-card" },
    h(
      "div",
      { class: "between" },
      h("div", { class: "line-up" }, h("a", { class: "by line-up", href: `/u/${item.owner.username}` }, avatar(item.owner, "small"), h("span", { class: "strong clip" }, nameOf(item.owner))), when(item)),
      h("button", { class: "icon-button", type: "button", "aria-label": t.more, onclick: () => more(item, act) }, icon("more")),
    ),
    item.text && h("p", { class: "post-text" }, words(item.text)),
    thumbs.length > 0 && h("a", { class: "post-thumbs", href: `/post/${item.id}` }, thumbs),
    item.removed ? h("span", { class: "tag bad" }, t.video.hidden) : h("div", { class: "card-acts" }, likeButton(item), talkButton(item, life)),
  );
  return node;
}
