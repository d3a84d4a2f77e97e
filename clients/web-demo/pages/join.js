// The page of a link into a group: what it is, and one button.
import { conversations as api } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { head } from "../parts/head.js";
import { act } from "../parts/person.js";
import { rowBones } from "../parts/skeleton.js";

export default function join({ params }) {
  const place = h("div", { class: "column" }, rowBones(2));
  const node = h("div", { class: "page" }, head(t.join.title, { up: "/messages" }), place);
  const ready = api.lookAtInvite(params.token).then(
    (found) => {
      if (found.member) return go(`/messages/${found.conversation}`);
      const enter = act(t.join.join, async () => go(`/messages/${(await api.join(params.token)).id}`), { primary: true, compact: false });
      const by = found.invited_by && h("p", { class: "soft" }, t.join.by(nameOf(found.invited_by)));
      fill(place, h("div", { class: "card pad stack join-card" }, avatar({ name: found.title }, "large"), h("h2", {}, found.title), h("p", { class: "soft" }, t.messages.kindOf.group(found.members)), by, enter));
    },
    (error) => fill(place, empty("link", t.join.overTitle, error.type === "network" ? error.message : t.join.overText, h("a", { class: "button primary", href: "/messages" }, t.nav.messages))),
  );
  return { title: t.join.title, node, ready };
}
