// A list that goes on: what the server gave so far, and a button for its next page while there is one.
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { act } from "./person.js";

/** `first` is a page `{items, next_cursor}`, `read(cursor)` answers the next one, `draw(item)` an element (or null) inside `list`. */
export function paged(list, first, draw, read) {
  const rest = h("div", { class: "show-more" });
  function add({ items, next_cursor: next }) {
    list.append(...items.map(draw).filter(Boolean));
    rest.hidden = !next;
    fill(rest, next && act(t.showMore, async () => add(await read(next))));
  }
  add(first);
  return [list, rest];
}

/** The same as rows one below the other. */
export const pagedRows = (first, draw, read) => paged(h("ul", { class: "rows" }), first, (one) => h("li", {}, draw(one)), read);
