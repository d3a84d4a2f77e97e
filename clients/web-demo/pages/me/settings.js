import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { complain, toast } from "../../core/toast.js";
import { head } from "../../parts/head.js";
import { textBones } from "../../parts/skeleton.js";

/** Every control that the server has, drawn from its schema: one without a label here is shown under its own title. */
export default function settings() {
  const place = h("div", { class: "column" }, textBones(8));
  let held = null;

  async function change(name, value, control, before) {
    try {
      held = await accounts.setSettings({ [name]: value }, held);
      toast(t.settings.saved);
    } catch (error) {
      if (control.type === "checkbox") control.checked = before;
      else control.value = before;
      complain(error);
    }
  }

  const row = (name, schema, value) => {
    const id = `setting-${name}`;
    const label = t.settings.labels[name] ?? schema.title;
    return h(
      "div",
      { class: "setting" },
      h("div", {}, h("label", { for: id }, label), schema.description && h("p", { class: "soft small", id: `${id}-why` }, schema.description)),
      control(id, name, schema, value, change),
    );
  };

  const ready = (async () => {
    held = await accounts.settings();
    const { values } = held;
    const known = Object.entries(held.schema.properties);
    const groups = new Map();
    for (const [name, schema] of known) {
      const key = schema["x-group"];
      groups.set(key, [...(groups.get(key) ?? []), row(name, schema, values[name])]);
    }
    fill(place, [...groups].map(([key, rows]) => h("section", { class: "card" }, h("h2", { class: "small soft" }, t.settings.groups[key] ?? key), h("div", { class: "settings-group" }, rows))));
  })();
  return { title: t.me.settings, node: h("div", { class: "page" }, head(t.me.settings, { up: "/me" }), place), ready };
}

function control(id, name, schema, value, change) {
  const about = schema.description ? `${id}-why` : null;
  if (schema.type === "boolean") {
    const box = h("input", { class: "switch", type: "checkbox", id, checked: value, "aria-describedby": about });
    box.addEventListener("change", () => change(name, box.checked, box, !box.checked));
    return box;
  }
  if (schema.enum) {
    const list = h("select", { class: "input", id, "aria-describedby": about }, schema.enum.map((key) => h("option", { value: key, selected: key === value }, t.settings.choices[key] ?? key)));
    let before = value;
    list.addEventListener("change", () => change(name, list.value, list, before).then(() => (before = list.value)));
    return list;
  }
  const number = schema.type === "integer" || schema.type === "number";
  const input = h("input", { class: "input", id, type: number ? "number" : "text", value: value ?? "", min: schema.minimum, max: schema.maximum, "aria-describedby": about });
  input.addEventListener("change", () => change(name, number ? Number(input.value) : input.value, input, value));
  return input;
}
