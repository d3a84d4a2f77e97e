// Form fields with a label, a hint and the server's own words when something is not right.
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain } from "../core/toast.js";

let count = 0;

/** One field. `control`: "input" (default), "textarea" or a ready element; the rest goes to it as attributes. */
export function field(name, label, { hint, control = "input", type = "text", children, ...rest } = {}) {
  const id = `f${++count}-${name.replace(/\W/g, "-")}`;
  const input =
    control instanceof Element ? control : h(control, { name, ...(control === "input" && { type }), ...rest }, children ?? []);
  input.id ||= id;
  const wrong = h("p", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const note = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  input.setAttribute("aria-describedby", [note && note.id, wrong.id].filter(Boolean).join(" "));
  const node = h("div", { class: "field", data: { field: name } }, h("label", { for: input.id }, label), type === "password" ? reveal(input) : input, note, wrong);
  input.addEventListener("input", () => mark(node, null));
  return node;
}

function reveal(input) {
  const button = h("button", { class: "icon-button", type: "button", "aria-label": t.showPassword, "aria-pressed": "false" }, icon("eye"));
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.replaceChildren(icon(shown ? "eyeOff" : "eye"));
  });
  return h("div", { class: "with-button" }, input, button);
}

export function select(name, label, options, { value, ...rest } = {}) {
  const control = h("select", { name }, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return field(name, label, { control, ...rest });
}

export function check(name, label, { ...rest } = {}) {
  const id = `f${++count}-${name.replace(/\W/g, "-")}`;
  const wrong = h("p", { class: "wrong", hidden: true });
  return h("div", { class: "field", data: { field: name } }, h("div", { class: "check" }, h("input", { type: "checkbox", id, name, ...rest }), h("label", { for: id }, label)), wrong);
}

function mark(node, text) {
  const wrong = node.querySelector(".wrong");
  wrong.hidden = !text;
  wrong.textContent = text ?? "";
  node.querySelector("input, select, textarea")?.setAttribute("aria-invalid", String(Boolean(text)));
}

/**
 * A form whose submit runs `act(values)` once at a time. A Problem that names fields marks them and moves the focus to the first;
 * what belongs to no field stands above the button.
 */
export function form({ submit, act, class: name = "form", wide = true }, ...fields) {
  const general = h("div", { class: "note bad", role: "alert", hidden: true });
  const button = h("button", { class: ["button primary", wide && "wide"], type: "submit" }, submit);
  const node = h("form", { class: name, novalidate: true }, ...fields, general, button);

  node.addEventListener("input", () => (general.hidden = true));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    general.hidden = true;
    for (const one of node.querySelectorAll(".field[data-field]")) mark(one, null);
    button.setAttribute("aria-busy", "true");
    try {
      await act(valuesOf(node), node);
    } catch (error) {
      show(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });

  function show(error) {
    if (!error.type) return complain(error);
    const places = [...node.querySelectorAll(".field[data-field]")];
    const placed = places.filter((place) => error.of?.(place.dataset.field));
    for (const place of placed) mark(place, sentence(error.of(place.dataset.field)));
    // An error about a whole group ("contact") stands at its first field.
    for (const one of error.errors ?? []) {
      const first = places.find((place) => place.dataset.field.startsWith(`${one.field}.`));
      if (first && !placed.includes(first)) mark(first, sentence(one.reason)), placed.push(first);
    }
    placed[0]?.querySelector("input, select, textarea")?.focus();
    const rest = (error.errors ?? []).filter((one) => !places.some((place) => related(one.field, place.dataset.field)));
    if (placed.length && !rest.length) return;
    const words = rest.length ? rest.map((one) => (one.field === "body" ? sentence(one.reason) : `${one.field}: ${one.reason}`)).join(". ") : error.message;
    general.replaceChildren(icon("warning"), h("span", {}, words));
    general.hidden = false;
  }
  node.show = show;
  return node;
}

const related = (one, other) => one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function valuesOf(node) {
  const values = {};
  for (const control of node.elements) {
    if (!control.name) continue;
    values[control.name] = control.type === "checkbox" ? control.checked : control.type === "file" ? control.files[0] : control.value;
  }
  return values;
}
