// A friend link that somebody sent or showed: who it is, and yes or no.
import { people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { head } from "../parts/head.js";
import { act } from "../parts/person.js";
import { rowBones } from "../parts/skeleton.js";

export default function friend({ params }) {
  const place = h("div", { class: "column" }, rowBones(1));
  const home = () => h("a", { class: "button primary", href: "/discover" }, t.feed.findPeople);

  const ready = (async () => {
    const person = await people.openLink(params.token).catch((error) => {
      if (![404, 410, 422].includes(error.status)) throw error;
      fill(place, empty("userPlus", t.friendLink.overTitle, t.friendLink.overText, home()));
    });
    if (!person) return;
    const { standing } = person;
    const accept = act(
      t.friendLink.accept(nameOf(person)),
      async () => {
        await people.acceptLink(params.token);
        toast(t.friendLink.done(nameOf(person)));
        go(`/u/${person.username}`);
      },
      { primary: true, icon: "userPlus", compact: false },
    );
    fill(
      place,
      h(
        "section",
        { class: "card pad profile" },
        avatar(person, "large"),
        h("div", {}, h("h2", {}, nameOf(person)), h("p", { class: "soft" }, `@${person.username}`)),
        h("p", { class: "status" }, standing === "self" ? t.friendLink.own : standing === "friends" ? t.friendLink.already : t.friendLink.asks),
        h("div", { class: "actions" }, ["self", "friends"].includes(standing) ? home() : accept),
      ),
    );
  })();
  return { title: t.friendLink.title, node: h("div", { class: "page" }, head(t.friendLink.title, { up: "/people" }), place), ready };
}
