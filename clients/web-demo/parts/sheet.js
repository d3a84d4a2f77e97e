// A dialog that rises from below on a phone. The browser's own <dialog> keeps the focus inside and closes on Escape.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";

/** Opens at once; `close()` is on the answered node. `foot` stays in view while the body scrolls. */
export function sheet(title, body, { foot = null, life = null, onclose } = {}) {
  const node = h(
    "dialog",
    { class: "sheet", "aria-label": title },
    h(
      "div",
      { class: "sheet-head" },
      h("h2", {}, title),
      h("button", { class: "icon-button", type: "button", "aria-label": t.close, onclick: () => node.close() }, icon("close")),
    ),
    h("div", { class: "sheet-body" }, body),
    foot && h("div", { class: "sheet-foot" }, foot),
  );
  // A tap beside the sheet, which is on the dialog itself and on nothing in it, closes it.
  node.addEventListener("click", (event) => event.target === node && node.close());
  node.addEventListener("close", () => {
    node.remove();
    onclose?.();
  });
  life?.addEventListener("abort", () => node.close());
  document.body.append(node);
  node.showModal();
  return node;
}

/** Asks; answers true when the person agrees. */
export function confirm(title, text, { agree = t.ok, danger = false } = {}) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h("button", { class: ["button wide", danger ? "danger" : "primary"], type: "button" }, agree);
    const no = h("button", { class: "button wide plain", type: "button" }, t.cancel);
    const node = sheet(title, h("p", {}, text), { foot: h("div", { class: "stack tight" }, yes, no), onclose: () => resolve(answer) });
    yes.addEventListener("click", () => ((answer = true), node.close()));
    no.addEventListener("click", () => node.close());
  });
}

/** A list of acts: [{icon, label, danger, onclick | href}]; what an act cannot do is said in a toast. */
export function menu(title, items, life) {
  const run = async (item) => {
    node.close();
    await item.onclick();
  };
  const node = sheet(
    title,
    h(
      "ul",
      { class: "menu" },
      items.filter(Boolean).map((item) =>
        h(
          "li",
          {},
          item.href
            ? h("a", { href: item.href, onclick: () => node.close(), download: item.download }, icon(item.icon), item.label)
            : h("button", { type: "button", class: item.danger && "danger", onclick: () => run(item).catch(complain) }, icon(item.icon), item.label),
        ),
      ),
    ),
    { life },
  );
  return node;
}
