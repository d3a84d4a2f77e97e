// Lines that lead somewhere, as on the page "Me".
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";

export const goOn = (name, label, href, note = null) =>
  h("a", { class: "go-on", href }, icon(name), h("span", { class: "grow" }, label, note && h("span", { class: "soft small clip", style: { display: "block" } }, note)), h("span", { class: "end" }, icon("forward", 20)));

export const doIt = (name, label, onclick) =>
  h("button", { class: "go-on", type: "button", onclick }, icon(name), h("span", { class: "grow" }, label));

export const group = (title, ...rows) => h("section", { class: "card" }, title && h("h2", { class: "small soft" }, title), h("div", { class: "settings-group" }, rows));
