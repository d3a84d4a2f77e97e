// "Report": what is wrong, some words, and at once the offer to block.
import { h } from "../core/dom.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { trust } from "../api/index.js";
import { check, field, form, select } from "./field.js";
import { sheet } from "./sheet.js";

/** `target`: { kind: "video" | "live", id } or { kind: "user", username }; `person`: the username that could be blocked. */
export function report(target, { person = null, life = null } = {}) {
  const node = sheet(
    t.report.title,
    form(
      {
        submit: t.report.send,
        act: async ({ reason, details, block }) => {
          await trust.report({ target, reason, details, block: Boolean(block) });
          node.close();
          toast(block ? t.report.sentAndBlocked(person) : t.report.sent);
        },
      },
      h("p", { class: "soft" }, t.report.intro),
      select("reason", t.report.reason, Object.entries(t.report.reasons)),
      field("details", t.report.details, { control: "textarea", maxlength: 2000, hint: t.optional }),
      person && check("block", t.report.alsoBlock(person)),
    ),
    { life },
  );
}
