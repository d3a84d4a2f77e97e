// A new group or a new broadcast list, from one's friends.
import { conversations as api, people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { field } from "../parts/field.js";
import { paged } from "../parts/paged.js";
import { busy } from "../parts/person.js";
import { menu, sheet } from "../parts/sheet.js";
import { rowBones } from "../parts/skeleton.js";

export function create(life) {
  menu(t.messages.create.title, [
    { icon: "people", label: t.messages.create.group, onclick: () => begin("group", life) },
    { icon: "bell", label: t.messages.create.broadcast, onclick: () => begin("broadcast", life) },
    { icon: "messages", label: t.messages.create.direct, href: "/people" },
  ], life);
}

function begin(kind, life) {
  const name = field("title", t.messages.create.name, { maxlength: 120, placeholder: t.messages.create.names[kind] });
  choosePeople(
    t.messages.create[kind],
    [],
    async (chosen) => {
      const title = name.querySelector("input").value.trim() || t.messages.create.names[kind];
      const { id } = await api.begin(kind, chosen, title);
      go(`/messages/${id}`);
    },
    life,
    [name, kind === "broadcast" && h("p", { class: "soft small" }, t.messages.create.broadcastText)],
  );
}

/** `done(usernames)` with those who were ticked; `without` are left out. */
export function choosePeople(title, without, done, life, before = []) {
  const list = h("div", {}, rowBones(4));
  const button = h("button", { class: "button wide primary", type: "button", disabled: true }, title);
  const chosen = new Set();
  const node = sheet(title, h("div", { class: "stack" }, before, h("h3", {}, t.messages.create.who), list), { foot: button, life });
  button.addEventListener("click", () => busy(button, async () => (await done([...chosen]), node.close())));
  people.friends().then((first) => {
    const left = first.items.filter((one) => !without.includes(one.username));
    if (!left.length && !first.next_cursor) return fill(list, h("p", { class: "soft" }, t.share.noFriends));
    const row = (one) => {
      if (without.includes(one.username)) return null;
      const tick = h("input", { type: "checkbox" });
      tick.addEventListener("change", () => {
        if (tick.checked) chosen.add(one.username);
        else chosen.delete(one.username);
        button.disabled = !chosen.size;
      });
      return h("li", {}, h("label", { class: "row-item pickable" }, avatar(one), h("span", { class: "body" }, h("span", { class: "title clip" }, nameOf(one)), h("span", { class: "soft small clip" }, `@${one.username}`)), tick));
    };
    fill(list, paged(h("ul", { class: "rows" }), first, row, people.friends));
  }, complain);
}
