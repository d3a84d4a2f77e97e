import { accounts } from "../../api/index.js";
import { h } from "../../core/dom.js";
import { go } from "../../core/router.js";
import { account } from "../../core/session.js";
import { t } from "../../core/text.js";
import { toast } from "../../core/toast.js";
import { field, form } from "../../parts/field.js";
import { head } from "../../parts/head.js";

export default function password() {
  const node = h(
    "div",
    { class: "page" },
    head(t.me.password, { up: "/me" }),
    h(
      "div",
      { class: "column" },
      h("p", { class: "soft" }, t.password.intro),
      form(
        {
          submit: t.save,
          act: async (fields) => {
            await accounts.changePassword({ present: fields.present, password: fields.password });
            toast(t.password.done);
            go("/me");
          },
        },
        // Password managers want to know whose it is.
        h("input", { class: "for-readers", type: "text", name: "username", autocomplete: "username", value: account().username, tabindex: "-1", "aria-hidden": "true", readonly: true }),
        field("present", t.password.current, { type: "password", autocomplete: "current-password" }),
        field("password", t.forgot.newPassword, { type: "password", autocomplete: "new-password", hint: t.signUp.passwordHint }),
      ),
    ),
  );
  return { title: t.me.password, node };
}
