import { accounts, trust } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { fullDate } from "../core/times.js";
import { complain } from "../core/toast.js";
import { enter } from "../parts/enter.js";
import { check, field, form } from "../parts/field.js";
import { sheet } from "../parts/sheet.js";
import { textBones } from "../parts/skeleton.js";

// The youngest birth date that is 18 today; the server decides, this only keeps the picker near.
const adult = () => {
  const day = new Date();
  day.setFullYear(day.getFullYear() - 18);
  return day.toISOString().slice(0, 10);
};

export default function signUp({ life }) {
  const node = enter(
    t.signUp.title,
    t.signUp.intro,
    form(
      {
        submit: t.signUp.submit,
        act: async ({ agree, ...fields }, element) => {
          const missing = new Map(Object.entries(fields).filter(([, value]) => !value.trim()).map(([name]) => [name, t.required]));
          if (!agree) missing.set("accept", t.signUp.mustAgree);
          if (missing.size) return element.show({ type: "invalid", of: (name) => missing.get(name), errors: [] });
          await accounts.signUp({ ...fields, phone: fields.phone.replace(/[\s()-]/g, ""), accept: { privacy: true, terms: true } });
          go("/verify", { replace: true });
        },
      },
      h(
        "div",
        { class: "row" },
        field("name", t.signUp.name, { autocomplete: "name", maxlength: 60, required: true }),
        field("username", t.signUp.username, { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 30, required: true }),
      ),
      field("email", t.signUp.email, { type: "email", autocomplete: "email", required: true }),
      h(
        "div",
        { class: "row" },
        field("phone", t.signUp.phone, { type: "tel", autocomplete: "tel", placeholder: "+49 151 23456789", hint: t.signUp.phoneHint, required: true }),
        field("birth_date", t.signUp.birthDate, { type: "date", autocomplete: "bday", max: adult(), hint: t.signUp.birthHint, required: true }),
      ),
      field("password", t.signUp.password, { type: "password", autocomplete: "new-password", hint: t.signUp.passwordHint, required: true }),
      acceptance(life),
    ),
    h("p", { class: "swap" }, t.signUp.haveOne, " ", h("a", { href: "/signin" }, t.signIn.title)),
  );
  node.querySelector(".entry").classList.add("long");
  return { title: t.signUp.title, node };
}

function acceptance(life) {
  const summary = (kind) => h("button", { type: "button", class: "button compact", onclick: () => showSummary(kind, life) }, icon("document", 18), t.policies.summaryOf[kind]);
  const box = check("agree", h("span", {}, t.signUp.agree, " ", link("terms"), " ", t.and, " ", link("privacy"), "."), { required: true });
  box.dataset.field = "accept";
  return h("div", { class: "stack tight" }, box, h("div", { class: "line-up" }, summary("terms"), summary("privacy")));
}

const link = (kind) => h("a", { href: `/policies/${kind}`, target: "_blank" }, t.policies.kinds[kind]);

function showSummary(kind, life) {
  const body = h("div", { class: "stack" }, textBones(5));
  sheet(t.policies.kinds[kind], body, { life, foot: h("a", { class: "button wide", href: `/policies/${kind}`, target: "_blank" }, t.policies.readAll) });
  trust.policy(kind).then(
    (policy) => body.replaceChildren(h("p", { class: "soft small" }, t.policies.modified(fullDate(policy.last_modified))), ...points(policy.summary)),
    (error) => (body.replaceChildren(h("p", {}, error.message)), complain(error)),
  );
}

export const points = (summary) => (Array.isArray(summary) ? [h("ul", { class: "prose" }, summary.map((one) => h("li", {}, one)))] : String(summary).split("\n\n").map((one) => h("p", {}, one)));
