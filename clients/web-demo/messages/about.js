// A conversation's own sheet: who is in it and in what role, links, what disappears, and how one keeps it for oneself.
import { conversations as api } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { back } from "../core/router.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { dateAndTime } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { field, form } from "../parts/field.js";
import { act, personRow } from "../parts/person.js";
import { report } from "../parts/report.js";
import { confirm, menu, sheet } from "../parts/sheet.js";
import { announce } from "../realtime/link.js";
import { choosePeople } from "./create.js";
import { dropConversation } from "./history.js";
import { otherOf } from "./list.js";

const HOUR_S = 3600;
const TIMERS = [null, HOUR_S, 24 * HOUR_S, 7 * 24 * HOUR_S];
const MUTES_MS = [8 * 3600e3, 7 * 86400e3, 365 * 86400e3];

export const lasting = (timer) => t.messages.about.timers[timer] ?? t.messages.about.seconds(timer);

/** `onchange(conversation)` is told what it is now. */
export function about(conversation, onchange, life) {
  const words = t.messages.about;
  const other = otherOf(conversation);
  const manages = ["owner", "admin"].includes(conversation.role) && conversation.kind !== "direct";
  const change = async (changes) => {
    const now = await api.change(conversation.id, changes);
    onchange((conversation = { ...conversation, ...now }));
    announce("history", { conversation: conversation.id });
    return now;
  };
  const then = (work) => () => Promise.resolve(work()).catch(complain);
  const muted = conversation.muted_until > Date.now();
  const leave = async () => {
    const text = words.leaveText[conversation.kind];
    if (!(await confirm(words.leave[conversation.kind], text, { agree: words.leave[conversation.kind], danger: true }))) return;
    await api.leave(conversation.id);
    await dropConversation(conversation.id);
    back("/messages");
  };
  menu(nameOf(other), [
    conversation.kind === "direct" && other.username && { icon: "me", label: t.messages.profile, href: `/u/${other.username}` },
    conversation.kind !== "direct" && { icon: "people", label: words.members(conversation.members.length), onclick: () => members(conversation, onchange, life) },
    conversation.kind === "group" && manages && { icon: "link", label: words.links, onclick: () => links(conversation, life) },
    manages && { icon: "edit", label: words.rename, onclick: () => rename(conversation, change, life) },
    conversation.kind === "group" && manages && { icon: "image", label: words.picture, onclick: () => picture(conversation, onchange) },
    conversation.kind !== "broadcast" && (manages || conversation.kind === "direct") && { icon: "timer", label: words.timer(lasting(conversation.timer)), onclick: () => timers(change, life) },
    muted ? { icon: "sound", label: words.unmute, onclick: then(() => change({ muted_until: null })) } : { icon: "mute", label: words.mute, onclick: () => mutes(change, life) },
    { icon: "pin", label: conversation.pinned ? words.unpin : words.pin, onclick: then(() => change({ pinned: !conversation.pinned })) },
    { icon: "archive", label: conversation.archived ? words.unarchive : words.archive, onclick: then(() => change({ archived: !conversation.archived })) },
    conversation.kind === "direct" && other.username && { icon: "flag", label: t.report.title, onclick: () => report({ kind: "user", username: other.username }, { person: other.username, life }) },
    { icon: "signOut", label: words.leave[conversation.kind], danger: true, onclick: then(leave) },
  ], life);
}

function timers(change, life) {
  const words = t.messages.about;
  menu(words.timerTitle, TIMERS.map((timer) => ({ icon: timer ? "timer" : "close", label: lasting(timer), onclick: () => change({ timer }).catch(complain) })), life);
}

function mutes(change, life) {
  const words = t.messages.about;
  menu(words.mute, MUTES_MS.map((time, index) => ({ icon: "mute", label: words.mutes[index], onclick: () => change({ muted_until: Date.now() + time }).catch(complain) })), life);
}

function rename(conversation, change, life) {
  const words = t.messages.about;
  const node = sheet(words.rename, form({ submit: t.save, act: ({ title }) => change({ title }).then(() => node.close()) }, field("title", t.messages.create.name, { value: conversation.title, maxlength: 120, required: true })), { life });
}

function picture(conversation, onchange) {
  const input = h("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", async () => {
    try {
      await api.setPicture(conversation.id, input.files[0]);
      onchange(await api.one(conversation.id));
    } catch (error) {
      complain(error);
    }
  });
  input.click();
}

function members(conversation, onchange, life) {
  const words = t.messages.about;
  const me = account().username;
  const manages = ["owner", "admin"].includes(conversation.role);
  const list = h("ul", { class: "rows" });
  const again = async () => {
    conversation = await api.one(conversation.id);
    onchange(conversation);
    draw();
  };
  const set = (user, changes) => () => api.setMember(conversation.id, user.username, changes).then(again).catch(complain);
  const below = (role) => role === "member" || role === "recipient" || (role === "admin" && conversation.role === "owner");
  const more = ({ user, role, silenced }) =>
    menu(nameOf(user), [
      { icon: "me", label: t.messages.profile, href: `/u/${user.username}` },
      conversation.role === "owner" && role === "member" && { icon: "shield", label: words.makeAdmin, onclick: set(user, { role: "admin" }) },
      conversation.role === "owner" && role === "admin" && { icon: "shield", label: words.makeMember, onclick: set(user, { role: "member" }) },
      conversation.role === "owner" && conversation.kind === "group" && { icon: "forward", label: words.handOver, onclick: async () => (await confirm(words.handOver, words.handOverText(nameOf(user)), { agree: words.handOver })) && set(user, { role: "owner" })() },
      conversation.kind === "group" && below(role) && { icon: silenced ? "mic" : "micOff", label: silenced ? words.unsilence : words.silence, onclick: set(user, { silenced: !silenced }) },
      below(role) && { icon: "trash", label: words.remove, danger: true, onclick: () => api.removeMember(conversation.id, user.username).then(again).catch(complain) },
    ], life);
  function draw() {
    fill(
      list,
      conversation.members.map((member) => {
        const { user, role, silenced } = member;
        const tags = [words.roles[role] && h("span", { class: "tag good" }, words.roles[role]), silenced && h("span", { class: "tag warning" }, words.silenced)];
        const button = manages && user.username !== me ? act(t.more, () => more(member)) : h("span", {});
        return h("li", {}, personRow(user, { actions: h("span", { class: "actions" }, tags, button) }));
      }),
    );
  }
  draw();
  const add = manages && act(words.add, () => choosePeople(words.add, conversation.members.map(({ user }) => user.username), async (chosen) => {
    for (const username of chosen) await api.setMember(conversation.id, username, {});
    await again();
  }, life), { primary: true, icon: "userPlus", compact: false });
  sheet(words.members(conversation.members.length), h("div", { class: "stack" }, list), { foot: add || null, life });
}

function links(conversation, life) {
  const words = t.messages.about;
  const list = h("div", { class: "stack" });
  const copy = async (link) => {
    await navigator.clipboard?.writeText(new URL(link.path, location.origin).href).catch(() => null);
    toast(t.share.copied);
  };
  async function draw() {
    const { items } = await api.invites(conversation.id);
    if (!items.length) return fill(list, h("p", { class: "soft" }, words.noLinks));
    fill(
      list,
      items.map((link) =>
        h(
          "div",
          { class: "card pad stack tight" },
          h("code", { class: "clip" }, `${location.host}${link.path.slice(0, 22)}…`),
          h("div", { class: "soft small" }, words.linkNote(link.used, link.uses, dateAndTime(link.expires_at))),
          h("div", { class: "line-up" }, act(t.share.copy, () => copy(link), { icon: "copy" }), act(words.revoke, () => api.revoke(conversation.id, link.id).then(draw), { danger: true })),
        ),
      ),
    );
  }
  const make = act(words.newLink, async () => {
    await copy(await api.invite(conversation.id, {}));
    await draw();
  }, { primary: true, icon: "link", compact: false });
  sheet(words.links, list, { foot: make, life });
  draw().catch(complain);
}
