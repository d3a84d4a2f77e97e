// Who likes a video or a post.
import { talk } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { broken, empty } from "./empty.js";
import { pagedRows } from "./paged.js";
import { personRow } from "./person.js";
import { sheet } from "./sheet.js";
import { rowBones } from "./skeleton.js";

export function likers(item, life) {
  const place = h("div", {}, rowBones(3));
  sheet(t.likes.title, place, { life });
  const read = (cursor = null) => talk.likes(item, cursor);
  const show = (first) => fill(place, first.items.length ? pagedRows(first, (one) => personRow(one, { actions: [] }), read) : empty("heart", t.likes.emptyTitle, t.likes.emptyText));
  const ask = () => read().then(show).catch((error) => fill(place, broken(error, ask)));
  ask();
}
