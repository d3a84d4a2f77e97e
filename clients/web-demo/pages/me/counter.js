import { trust } from "../../api/index.js";
import { h } from "../../core/dom.js";
import { account } from "../../core/session.js";
import { t } from "../../core/text.js";
import { empty } from "../../parts/empty.js";
import { check, field, form } from "../../parts/field.js";
import { head } from "../../parts/head.js";

/** The owner's answer to a claim that was upheld: the elements of 17 USC 512(g)(3). */
export default function counter({ query }) {
  const who = account();
  const place = h("div", { class: "column" });
  const step = (title, ...fields) => h("fieldset", {}, h("legend", {}, title), ...fields);
  place.append(
    h("p", { class: "soft" }, t.counter.intro),
    form(
      {
        submit: t.counter.submit,
        act: async (fields) => {
          await trust.counter(query.get("claim"), fields);
          place.replaceChildren(empty("check", t.counter.doneTitle, t.counter.doneText, h("a", { class: "button primary", href: "/me" }, t.nav.me)));
        },
      },
      h(
        "div",
        { class: "steps" },
        step(t.counter.reach, field("name", t.claim.name, { value: who.name, autocomplete: "name" }), field("address", t.claim.address, { autocomplete: "street-address" }), field("phone", t.signUp.phone, { type: "tel", value: who.phone, autocomplete: "tel" })),
        step(t.counter.statements, check("statement", t.counter.statement), check("consent", t.counter.consent)),
        step(t.claim.signature, field("signature", t.claim.signatureLabel, { hint: t.claim.signatureHint })),
      ),
    ),
  );
  return { title: t.counter.title, node: h("div", { class: "page" }, head(t.counter.title, { up: "/me/notices" }), place) };
}
