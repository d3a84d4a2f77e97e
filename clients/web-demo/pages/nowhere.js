import { h } from "../core/dom.js";
import { signedIn } from "../core/session.js";
import { t } from "../core/text.js";
import { empty } from "../parts/empty.js";

/** An address of nothing: mistyped, or of an older day. */
export default function nowhere() {
  const way = signedIn() ? h("a", { class: "button primary", href: "/" }, t.video.toFeed) : h("a", { class: "button primary", href: "/signin" }, t.signIn.title);
  return { title: t.nowhere.title, node: h("div", { class: "page" }, h("div", { class: "column" }, empty("search", t.nowhere.title, t.nowhere.text, way))) };
}
