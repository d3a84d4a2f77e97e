import { trust } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { check, field, form } from "../parts/field.js";
import { head } from "../parts/head.js";

/** The six elements of 17 USC 512(c)(3)(A), in words for people; works without an account. */
export default function claim({ query }) {
  const place = h("div", { class: "column" });
  const who = account();
  const step = (title, ...fields) => h("fieldset", {}, h("legend", {}, title), ...fields);

  const steps = h(
    "div",
    { class: "steps" },
    step(t.claim.work, field("work", t.claim.workLabel, { control: "textarea", hint: t.claim.workHint, maxlength: 4000 })),
    step(t.claim.material, field("target", t.claim.materialLabel, { type: "url", value: query.get("target") ?? "", placeholder: `${location.origin}/video/…`, hint: t.claim.materialHint, maxlength: 500 })),
    step(
      t.claim.contact,
      h("div", { class: "row" }, field("contact.name", t.claim.name, { autocomplete: "name", value: who?.name ?? "" }), field("contact.email", t.signUp.email, { type: "email", autocomplete: "email", value: who?.email ?? "" })),
      h("div", { class: "row" }, field("contact.address", t.claim.address, { autocomplete: "street-address" }), field("contact.phone", t.signUp.phone, { type: "tel", autocomplete: "tel" })),
    ),
    step(t.claim.belief, check("good_faith", t.claim.beliefText)),
    step(t.claim.accuracy, check("accuracy", t.claim.accuracyText)),
    step(t.claim.signature, field("signature", t.claim.signatureLabel, { hint: t.claim.signatureHint, autocomplete: "name" })),
  );

  place.append(
    h("p", { class: "soft" }, t.claim.intro),
    h("div", { class: "note warning" }, icon("warning", 20), h("span", {}, t.claim.warning)),
    form({ submit: t.claim.submit, act: async (values) => receipt(place, await trust.claim(trust.asClaim(values)), values) }, steps),
    agent(),
  );
  return { title: t.claim.title, node: h("div", { class: "page" }, head(t.claim.title, { up: who ? "/me" : "/signin" }), place) };
}

function receipt(place, made, values) {
  const path = `/claim/${made.id}?token=${encodeURIComponent(made.token)}`;
  place.replaceChildren(
    h(
      "div",
      { class: "card pad stack claim-receipt", role: "status" },
      h("div", { class: "line-up" }, h("span", { class: "tag good" }, icon("check"), t.claim.received)),
      h("h2", {}, t.claim.receivedTitle),
      h("p", { class: "soft" }, t.claim.receivedText),
      h("p", { class: "receipt" }, new URL(path, location.origin).href),
      h("a", { class: "button primary", href: path }, t.claim.status),
    ),
    confirmation(made, values),
  );
  place.closest(".page").scrollTop = 0;
}

/** The mail address is confirmed by a code before anybody acts on the claim. */
function confirmation(made, values) {
  return h(
    "div",
    { class: "card pad stack" },
    h("h2", {}, t.claim.confirmTitle),
    h("p", { class: "soft" }, t.claim.confirmText(values["contact.email"])),
    form({ submit: t.verify.confirm, act: async ({ code }, node) => (await trust.confirmClaim(made.id, code.trim()), node.replaceWith(h("span", { class: "tag good" }, icon("check"), t.verify.confirmed))) }, field("code", t.verify.code, { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6 })),
  );
}

function agent() {
  const place = h("section", { class: "card pad stack", hidden: true });
  trust.agent().then(
    (found) => {
      const facts = ["name", "address", "email", "phone"].filter((key) => found[key]).flatMap((key) => [h("dt", {}, t.claim.agentFacts[key]), h("dd", {}, found[key])]);
      if (!facts.length) return;
      place.replaceChildren(h("h2", {}, t.claim.agent), h("dl", { class: "facts" }, facts));
      place.hidden = false;
    },
    // The form works without it.
    () => null,
  );
  return place;
}
