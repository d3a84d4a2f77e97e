// What is done with one's data: the switches, facts of devices, experiments. Everything here takes effect at once.
import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { t } from "../../core/text.js";
import { ago } from "../../core/times.js";
import { complain, toast } from "../../core/toast.js";
import { ownFacts } from "../../core/device.js";
import { head } from "../../parts/head.js";
import { check, form } from "../../parts/field.js";
import { act } from "../../parts/person.js";
import { goOn, group } from "../../parts/rows.js";
import { textBones } from "../../parts/skeleton.js";

const SWITCHES = ["restrict", "personalised", "usage_data", "diagnostics", "marketing"];

export default function privacy() {
  const switches = h("div", { class: "settings-group" }, textBones(4));
  const devices = h("div", { class: "stack" });
  const own = h("div", {});
  const experiments = h("div", {});

  function row(name, schema, value) {
    const box = h("input", { class: "switch", type: "checkbox", id: `data-${name}`, checked: value, "aria-describedby": `data-${name}-why` });
    box.addEventListener("change", async () => {
      try {
        await accounts.setSettings({ [name]: box.checked });
        toast(t.settings.saved);
        await drawRest();
      } catch (error) {
        box.checked = !box.checked;
        complain(error);
      }
    });
    return h("div", { class: "setting" }, h("div", {}, h("label", { for: box.id }, schema.title), h("p", { class: "soft small", id: `data-${name}-why` }, t.privacy.why[name])), box);
  }

  async function drawRest() {
    const [{ items }, { experiments: seen }] = await Promise.all([accounts.deviceFacts(), accounts.experiments()]);
    fill(
      devices,
      items.length
        ? items.map((one) =>
            h(
              "div",
              { class: "stack tight" },
              h("div", { class: "strong" }, one.current ? t.devices.here : t.privacy.otherDevice, h("span", { class: "soft small" }, ` · ${ago(one.changed_at)}`)),
              h("dl", { class: "facts" }, Object.entries(one.facts).filter(([, value]) => value !== null).flatMap(([name, value]) => [h("dt", {}, t.privacy.facts[name] ?? name), h("dd", {}, Array.isArray(value) ? value.join(", ") : String(value))])),
            ),
          )
        : h("p", { class: "soft" }, t.privacy.noFacts),
      items.length > 0 && h("div", { class: "line-up" }, act(t.privacy.dropAdvertising, async () => (await accounts.dropAdvertisingId(), toast(t.privacy.dropped), drawRest())), act(t.privacy.dropFacts, async () => (await accounts.dropDeviceFacts(), toast(t.privacy.dropped), drawRest()), { icon: "trash" })),
    );
    const known = Object.entries(seen);
    fill(experiments, known.length ? h("dl", { class: "facts" }, known.flatMap(([name, variant]) => [h("dt", {}, name), h("dd", {}, variant)])) : h("p", { class: "soft" }, t.privacy.noExperiments));
  }

  /** Each fact that this browser knows of itself, to be told or withheld; nothing is told before one says so. */
  async function telling() {
    const known = Object.entries(await ownFacts());
    return form(
      {
        submit: t.privacy.tell,
        wide: false,
        act: async (chosen) => {
          await accounts.tellDeviceFacts(Object.fromEntries(known.filter(([name]) => chosen[name])));
          toast(t.settings.saved);
          await drawRest();
        },
      },
      ...known.map(([name, value]) => check(name, `${t.privacy.facts[name]}: ${value}`)),
    );
  }

  const ready = (async () => {
    const { schema, values } = await accounts.settings();
    fill(switches, SWITCHES.filter((name) => name in values).map((name) => row(name, schema.properties[name], values[name])));
    fill(own, await telling());
    await drawRest();
  })();
  const card = (title, why, ...children) => h("section", { class: "card pad stack" }, h("h2", {}, title), why && h("p", { class: "soft" }, why), children);
  const node = h(
    "div",
    { class: "page" },
    head(t.privacy.title, { up: "/me" }),
    h(
      "div",
      { class: "column" },
      h("section", { class: "card" }, switches),
      card(t.privacy.factsTitle, t.privacy.factsText, devices, h("details", {}, h("summary", {}, t.privacy.tellTitle), own)),
      card(t.privacy.experimentsTitle, t.privacy.experimentsText, experiments),
      group(null, goOn("people", t.contacts.title, "/contacts"), goOn("download", t.me.data, "/me/data"), goOn("document", t.nav.policies, "/policies")),
      h("div", { class: "note" }, icon("info", 20), h("span", {}, t.privacy.all, " ", h("a", { href: "/me/settings" }, t.me.settings))),
    ),
  );
  return { title: t.privacy.title, node, ready };
}
