// Legal holds: asked for by one of the staff, in force once another one agrees, ended by staff or by their time.
import { trust } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { account } from "../../core/session.js";
import { t } from "../../core/text.js";
import { dateAndTime, fullDate } from "../../core/times.js";
import { complain, toast } from "../../core/toast.js";
import { field, form } from "../../parts/field.js";

const DAY_MS = 86_400_000;

/** The queue with a form to ask for one; `place` is filled anew after each act. */
export async function showHolds(place) {
  const { items } = await trust.holds();
  const again = () => showHolds(place).catch(complain);
  fill(place, h("div", { class: "stack" }, items.map((one) => card(one, again)), items.length === 0 && h("p", { class: "soft" }, t.holds.none), asking(again)));
}

function card(one, again) {
  const waits = one.approved_at === null;
  const agree = h("button", { class: "button primary", type: "button" }, t.holds.agree);
  agree.addEventListener("click", () => trust.approveHold(one.id).then(() => (toast(t.holds.agreed), again()), complain));
  return h(
    "section",
    { class: "card pad stack" },
    h("div", { class: "between" }, h("h2", {}, one.username ? `@${one.username}` : t.holds.gone), h("span", { class: ["tag", waits && "warning"] }, waits ? t.holds.waits : t.holds.inForce)),
    h("p", {}, one.reason),
    h("p", { class: "soft small" }, t.holds.facts(dateAndTime(one.asked_at), fullDate(one.ends_at), one.messages)),
    // Whoever asked cannot agree; the server would refuse it.
    waits && one.asked_by !== account().id && agree,
    form(
      {
        submit: waits ? t.holds.turnDown : t.holds.end,
        act: async ({ reason }) => {
          await trust.endHold(one.id, reason);
          toast(t.holds.ended);
          await again();
        },
      },
      field("reason", t.staff.reason, { maxlength: 2000, hint: t.staff.reasonHint }),
    ),
  );
}

const asking = (again) =>
  h(
    "section",
    { class: "card pad stack" },
    h("h2", {}, t.holds.ask),
    h("p", { class: "soft" }, t.holds.askText),
    form(
      {
        submit: t.holds.ask,
        act: async ({ username, reason, days }) => {
          await trust.askHold({ username: username.trim(), reason, ends_at: Date.now() + Number(days) * DAY_MS });
          toast(t.holds.asked);
          await again();
        },
      },
      field("username", t.holds.username, { maxlength: 40, autocomplete: "off" }),
      field("reason", t.holds.why, { control: "textarea", maxlength: 2000 }),
      field("days", t.holds.days, { type: "number", min: 1, max: 1096, value: 365 }),
    ),
  );
