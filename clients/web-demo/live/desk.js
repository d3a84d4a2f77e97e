// What a host changes while the live goes on: title, audience, slow mode; and whom they made moderator, muted or banned, to be taken back.
import { lives } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { avatar, nameOf } from "../parts/avatar.js";
import { field, form, select } from "../parts/field.js";
import { act } from "../parts/person.js";
import { sheet } from "../parts/sheet.js";

// Seconds between two lines of a viewer, as many as there are words for.
const SLOW_MODES_S = [0, 5, 15, 30, 60, 300];

export async function desk({ id }, life) {
  const words = t.host.desk;
  const live = await lives.live(id);
  const order = h("div", { class: "stack" });
  const slow = SLOW_MODES_S.includes(live.slow_mode) ? SLOW_MODES_S : [...SLOW_MODES_S, live.slow_mode];

  async function draw() {
    const { moderators, restrictions } = await lives.order(id);
    const row = (user, note, back) =>
      h("li", {}, h("div", { class: "row-item" }, avatar(user, "small"), h("div", { class: "body" }, h("div", { class: "title clip" }, nameOf(user)), h("div", { class: "soft small" }, note)), act(t.people.takeBack, async () => (await back(), draw()))));
    const rows = [
      ...moderators.map((user) => row(user, words.moderator, () => lives.appoint(id, user.username, false))),
      ...restrictions.map(({ user, kind }) => row(user, words.kinds[kind], () => lives.restrict(id, user.username, kind, { on: false }))),
    ];
    fill(order, h("h3", {}, words.order), rows.length ? h("ul", { class: "rows" }, rows) : h("p", { class: "soft small" }, words.noOrder));
  }

  const node = sheet(
    words.title,
    h(
      "div",
      { class: "stack" },
      form(
        {
          submit: t.save,
          act: async ({ title, visibility, slow_mode: seconds }) => {
            await lives.edit(live, { title: title.trim() || live.title, visibility, slow_mode: Number(seconds) });
            node.close();
            toast(t.settings.saved);
          },
        },
        field("title", t.host.title, { value: live.title, maxlength: 120, autocomplete: "off" }),
        select("visibility", t.host.visibility, Object.entries(t.host.visibilities), { value: live.visibility }),
        select("slow_mode", words.slow, slow.map((seconds) => [String(seconds), words.slowMode(seconds)]), { value: String(live.slow_mode) }),
      ),
      order,
    ),
    { life },
  );
  await draw();
}
