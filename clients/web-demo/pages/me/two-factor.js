import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { t } from "../../core/text.js";
import { toast } from "../../core/toast.js";
import { field, form } from "../../parts/field.js";
import { head } from "../../parts/head.js";
import { textBones } from "../../parts/skeleton.js";

/** The second factor: off → a secret for an app → confirmed, with recovery codes shown once. */
export default function twoFactor() {
  const place = h("div", { class: "column" }, textBones(4));
  const password = () => field("password", t.signUp.password, { type: "password", autocomplete: "current-password" });

  async function open() {
    const state = await accounts.twoFactor();
    if (state.enabled) return fill(place, on(state));
    fill(
      place,
      h("p", { class: "soft" }, t.twoFactor.intro),
      form({ submit: t.twoFactor.begin, act: async (fields) => fill(place, enrol(await accounts.enrolTwoFactor(fields.password))) }, password()),
    );
  }

  const enrol = ({ secret, otpauth }) => [
    h("p", {}, t.twoFactor.enter),
    h("p", { class: "receipt" }, secret),
    h("a", { class: "button", href: otpauth }, icon("lock", 20), t.twoFactor.openApp),
    form(
      { submit: t.verify.confirm, act: async ({ code }) => fill(place, codes(await accounts.confirmTwoFactor(code.trim()))) },
      field("code", t.verify.code, { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6 }),
    ),
  ];

  const codes = ({ recovery_codes: list }) => [
    h("div", { class: "note warning" }, icon("warning", 20), h("span", {}, t.twoFactor.keep)),
    h("ul", { class: "rows" }, list.map((one) => h("li", { class: "receipt" }, one))),
    h("a", { class: "button primary", href: "/me" }, t.twoFactor.kept),
  ];

  const on = ({ recovery_codes_left: left }) => [
    h("div", { class: "line-up" }, h("span", { class: "tag good" }, icon("check"), t.twoFactor.on), h("span", { class: "soft small" }, t.twoFactor.left(left))),
    form(
      {
        submit: t.twoFactor.off,
        act: async (fields) => {
          await accounts.dropTwoFactor(fields.password);
          toast(t.twoFactor.isOff);
          await open();
        },
      },
      password(),
    ),
  ];
  return { title: t.twoFactor.title, node: h("div", { class: "page" }, head(t.twoFactor.title, { up: "/me" }), place), ready: open() };
}
