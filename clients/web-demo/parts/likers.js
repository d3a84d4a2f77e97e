// Who likes a video or a post.
import { talk } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { broken, empty } from "./empty.js";
import { act, personRow } from "./person.js";
import { sheet } from "./sheet.js";
import { rowBones } from "./skeleton.js";

export function likers(item, life) {
  const place = h("div", {}, rowBones(3));
  const rows = h("ul", { class: "rows" });
  sheet(t.likes.title, place, { life });
  async function more(cursor) {
    const page = await talk.likes(item, cursor);
    rows.append(...page.items.map((one) => h("li", {}, personRow(one, { actions: [] }))));
    const next = page.next_cursor && act(t.likes.more, async () => more(page.next_cursor));
    fill(place, rows.children.length ? rows : empty("heart", t.likes.emptyTitle, t.likes.emptyText), next);
  }
  const ask = () => more(null).catch((error) => fill(place, broken(error, ask)));
  ask();
}
