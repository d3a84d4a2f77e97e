import { people, posts, videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { ago, dayOfYear } from "../core/times.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { account } from "../core/session.js";
import { languageName, regionName } from "../core/places.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { paged } from "../parts/paged.js";
import { postCard } from "../parts/post.js";
import { tile } from "../parts/tile.js";
import { head, iconButton } from "../parts/head.js";
import { act, friendButton, personRow, standingOf } from "../parts/person.js";
import { report } from "../parts/report.js";
import { confirm, menu } from "../parts/sheet.js";
import { textBones } from "../parts/skeleton.js";

export default function user({ params, life }) {
  if (params.username === account()?.username) go("/me", { replace: true });
  const place = h("div", { class: "column" }, textBones(5));
  const more = h("span", {});
  const node = h("div", { class: "page" }, head(`@${params.username}`, { up: "/discover", actions: [more] }), place);

  async function open() {
    const person = await people.user(params.username).catch((error) => {
      if (error.status !== 404) throw error;
      fill(place, empty("people", t.user.noneTitle, t.user.noneText, h("a", { class: "button primary", href: "/discover" }, t.feed.findPeople)));
    });
    if (!person) return;
    const facts = [
      [t.signUp.phone, person.phone],
      [t.user.birthday, person.birthday && dayOfYear(person.birthday)],
      [t.user.lastSeen, person.last_seen && ago(person.last_seen)],
      [t.user.gender, person.gender],
      [t.user.age, person.age_info],
      [t.profile.interests, person.interests?.join(", ")],
      [t.profile.languages, person.languages?.map(languageName).join(", ")],
      [t.profile.region, person.region && regionName(person.region)],
    ].filter(([, value]) => value);
    const followers = h("p", { class: "soft small" });
    const drawFollowers = () => (followers.textContent = t.user.followers(person.followers));
    drawFollowers();
    fill(
      place,
      h(
        "div",
        { class: "card pad profile" },
        avatar(person, "large"),
        h("div", {}, h("h2", {}, nameOf(person)), h("p", { class: "soft" }, `@${person.username}`), followers),
        person.status_message && h("p", { class: "status" }, person.status_message),
        h("div", { class: "actions" }, friendButton(person, { compact: false }), person.standing !== "blocked" && followButton(person, drawFollowers)),
      ),
      facts.length ? h("dl", { class: "facts card pad" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : null,
    );
    if (person.standing !== "self") {
      const mutual = await people.mutual(person.username).catch(() => ({ items: [], total: 0 }));
      if (mutual.total && !life.aborted) place.append(h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t.user.mutual(mutual.total))), h("ul", { class: "rows" }, mutual.items.map((one) => h("li", {}, personRow(one))))));
    }
    if (person.shows_friends) await section(t.people.tabs.friends, h("ul", { class: "rows" }), (one) => h("li", {}, personRow(one)), people.friendsOf, person);
    await section(t.user.videos, h("div", { class: "video-grid" }), (one) => tile(one), videos.of, person);
    await section(t.post.many, h("div", { class: "stack" }), (one) => postCard(one, life), posts.of, person);
    fill(more, iconButton("more", t.more, () => choices(person)));
  }

  /** What `read(username, cursor)` answers of this person, below the rest; nothing where there is nothing. */
  async function section(title, list, draw, read, { username }) {
    const first = await read(username).catch(() => ({ items: [] }));
    if (!first.items.length || life.aborted) return;
    place.append(h("section", {}, h("div", { class: "section-head" }, h("h2", {}, title)), paged(list, first, draw, (cursor) => read(username, cursor))));
  }

  const choices = (person) =>
    menu(
      nameOf(person),
      [
        standingOf(person) === "friends" && { icon: "people", label: t.people.remove, onclick: async () => (await people.unfriend(person.username), open()) },
        { icon: "mute", label: t.feed.choices.mute(nameOf(person)), onclick: () => mute(person).catch(complain) },
        { icon: "block", label: t.people.block, onclick: () => block(person) },
        { icon: "flag", label: t.report.title, onclick: () => report({ kind: "user", username: person.username }, { person: person.username, life }) },
        { icon: "document", label: t.nav.claim, href: `/claim?target=${encodeURIComponent(location.href)}` },
      ],
      life,
    );

  async function mute(person) {
    await posts.leaveOut("muted", person.username);
    toast(t.feed.choices.muted(nameOf(person)), { action: { label: t.undo, onclick: () => posts.takeBack("muted", person.username).catch(complain) } });
  }

  async function block(person) {
    if (!(await confirm(t.people.blockTitle(nameOf(person)), t.people.blockText, { agree: t.people.block, danger: true }))) return;
    await people.block(person.username);
    toast(t.people.blocked(nameOf(person)), { action: { label: t.undo, onclick: () => people.unblock(person.username) } });
    go("/people?show=blocks");
  }
  return { title: `@${params.username}`, node, ready: open() };
}

/** What a person shares comes to one's feed; they need not be asked. */
function followButton(person, ontold) {
  const button = act("", async () => {
    await people.follow(person.username, !person.following);
    person.following = !person.following;
    person.followers += person.following ? 1 : -1;
    draw();
    ontold();
  }, { compact: false });
  const draw = () => {
    fill(button, icon(person.following ? "check" : "plus", 18), person.following ? t.people.following : t.people.follow);
    button.setAttribute("aria-pressed", String(person.following));
  };
  draw();
  return button;
}
