import { accounts } from "../api/index.js";
import { h } from "../core/dom.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { enter } from "../parts/enter.js";
import { field, form } from "../parts/field.js";

// Only a path of this site: `next` comes from the address bar.
const safe = (next) => (next?.startsWith("/") && !next.startsWith("//") ? next : "/");

export default function signIn({ query }) {
  const factor = field("code", t.signIn.factor, { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 20, hint: t.signIn.factorHint });
  factor.hidden = true;
  const node = enter(
    t.signIn.title,
    t.signIn.intro,
    form(
      {
        submit: t.signIn.submit,
        act: async (fields) => {
          const who = await accounts.signIn(fields).catch((error) => {
            // The password was right: the second factor is asked for beside it.
            if (error.type === "second_factor" && factor.hidden) {
              factor.hidden = false;
              factor.querySelector("input").focus();
              return null;
            }
            throw error;
          });
          if (!who) return;
          const verified = who.email_verified !== false && who.phone_verified !== false;
          go(verified ? safe(query.get("next")) : "/verify", { replace: true });
        },
      },
      field("login", t.signIn.login, { autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true }),
      field("password", t.signUp.password, { type: "password", autocomplete: "current-password", required: true }),
      factor,
      h("p", {}, h("a", { href: "/forgot" }, t.signIn.forgot)),
    ),
    h("p", { class: "swap" }, t.signIn.none, " ", h("a", { href: "/signup" }, t.signUp.title)),
    h(
      "p",
      { class: "swap small soft" },
      h("a", { href: "/policies" }, t.nav.policies),
      " · ",
      h("a", { href: "/claim" }, t.nav.claim),
    ),
  );
  return { title: t.signIn.title, node };
}
