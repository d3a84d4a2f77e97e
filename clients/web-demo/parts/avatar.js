// A person's picture, or the first letter of the name; always the same size, so that nothing moves when it loads.
import { h } from "../core/dom.js";

export const nameOf = (person) => person?.profile_name || person?.name || person?.username || "?";

export function avatar(person, size = "", { onAir = false } = {}) {
  const letter = nameOf(person).trim().charAt(0).toUpperCase();
  const box = h("span", { class: ["avatar", size, onAir && "on-air"], "aria-hidden": "true" }, letter);
  const source = person?.avatar?.url ?? person?.avatar_url ?? (typeof person?.avatar === "string" ? person.avatar : null);
  if (source) {
    const picture = h("img", { src: source, alt: "", loading: "lazy", decoding: "async" });
    picture.addEventListener("load", () => box.replaceChildren(picture), { once: true });
    // Not lazily: it is not in the document until it has loaded.
    picture.loading = "eager";
  }
  return box;
}
