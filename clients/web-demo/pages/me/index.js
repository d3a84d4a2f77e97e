import { accounts, posts, videos } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { go } from "../../core/router.js";
import { account, end } from "../../core/session.js";
import { t } from "../../core/text.js";
import { complain } from "../../core/toast.js";
import { avatar, nameOf } from "../../parts/avatar.js";
import { empty } from "../../parts/empty.js";
import { head, iconButton, iconLink } from "../../parts/head.js";
import { compose } from "../../parts/composer.js";
import { isStaff } from "../../parts/nav.js";
import { paged } from "../../parts/paged.js";
import { postCard } from "../../parts/post.js";
import { doIt, goOn, group } from "../../parts/rows.js";
import { tileBones } from "../../parts/skeleton.js";
import { tile } from "../../parts/tile.js";
import { chooseStatus } from "./status.js";

export default function me({ life }) {
  const card = h("div", { class: "card pad profile" });
  const grid = h("div", { class: "video-grid" }, tileBones(3));
  const own = h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t.me.videos)), grid);

  const drawCard = (who) =>
    fill(
      card,
      avatar(who, "large"),
      h("div", {}, h("h2", {}, nameOf(who)), h("p", { class: "soft" }, `@${who.username}`)),
      who.status_message ? h("p", { class: "status" }, who.status_message) : null,
      h("div", { class: "actions" }, h("a", { class: "button", href: "/me/profile" }, icon("edit", 18), t.me.edit), h("a", { class: "button", href: "/people" }, icon("people", 18), t.nav.people)),
    );
  drawCard(account());

  async function drawVideos() {
    const first = await videos.mine();
    if (life.aborted) return;
    if (!first.items.length) return fill(own, h("h2", {}, t.me.videos), empty("camera", t.me.noVideosTitle, t.me.noVideosText, h("a", { class: "button primary", href: "/upload" }, t.upload.title), h("a", { class: "button", href: "/live" }, t.nav.goLive)));
    own.append(...paged(fill(grid), first, (one) => tile(one), videos.mine));
  }

  const written = h("section", { class: "stack", hidden: true });
  async function drawPosts() {
    const first = await posts.of("me");
    if (life.aborted) return;
    written.hidden = !first.items.length;
    fill(written, h("h2", {}, t.post.many), paged(h("div", { class: "stack" }), first, (one) => postCard(one, life), (cursor) => posts.of("me", cursor)));
  }

  const node = h(
    "div",
    { class: "page" },
    head(t.nav.me, { actions: [iconButton("edit", t.post.title, () => compose({ life, ondone: () => drawPosts().catch(complain) })), iconLink("plus", t.upload.title, "/upload"), iconLink("settings", t.me.settings, "/me/settings")] }),
    h(
      "div",
      { class: "column wide pair" },
      h("div", { class: "stack" }, card, own, written),
      h(
        "div",
        { class: "stack" },
        group(null, goOn("bell", t.notices.title, "/me/notices"), doIt("eye", t.status.title, () => chooseStatus(life).catch(complain)), goOn("settings", t.me.settings, "/me/settings"), goOn("devices", t.me.devices, "/me/devices"), goOn("lock", t.me.password, "/me/password"), goOn("shield", t.twoFactor.title, "/me/two-factor")),
        group(null, goOn("lock", t.privacy.title, "/me/privacy"), goOn("clock", t.activity.title, "/me/activity"), goOn("download", t.me.data, "/me/data"), goOn("document", t.nav.policies, "/policies"), goOn("flag", t.nav.claim, "/claim"), isStaff() && goOn("gavel", t.nav.staff, "/staff")),
        group(null, doIt("signOut", t.signOut, signOut)),
      ),
    ),
  );
  return { title: t.nav.me, node, ready: Promise.all([accounts.me().then(drawCard), drawVideos(), drawPosts()]) };
}

async function signOut() {
  await accounts.signOut().catch(complain);
  end();
  go("/signin", { replace: true });
}
