import { accounts } from "../api/index.js";
import { h } from "../core/dom.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { enter } from "../parts/enter.js";
import { field, form } from "../parts/field.js";

export default function forgot() {
  const place = h("div", {});
  const second = (login) =>
    place.replaceChildren(
      form(
        {
          submit: t.forgot.set,
          act: async ({ code, password }) => {
            await accounts.reset({ login, code: code.trim(), password });
            toast(t.forgot.done);
            go("/signin", { replace: true });
          },
        },
        h("p", { class: "soft" }, t.forgot.sent),
        field("code", t.verify.code, { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6 }),
        field("password", t.forgot.newPassword, { type: "password", autocomplete: "new-password", hint: t.signUp.passwordHint }),
      ),
    );
  place.append(
    form(
      {
        submit: t.forgot.send,
        act: async ({ login }) => {
          await accounts.forgot(login);
          second(login);
        },
      },
      field("login", t.signIn.login, { autocomplete: "username", autocapitalize: "none" }),
    ),
  );
  return { title: t.forgot.title, node: enter(t.forgot.title, t.forgot.intro, place, h("p", { class: "swap" }, h("a", { href: "/signin" }, t.signIn.title))) };
}
