import { accounts } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { account, end } from "../core/session.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { enter } from "../parts/enter.js";
import { field, form } from "../parts/field.js";
import { act } from "../parts/person.js";

const CHANNELS = ["phone", "email"];
const BY_PHONE = "discoverable_by_phone";

export default function verify() {
  const list = h("div", { class: "stack" });
  const hint = h("div", { class: "note", hidden: true }, icon("info", 20), h("span", {}, t.verify.outbox));

  const draw = () => {
    const who = account();
    if (CHANNELS.every((channel) => who?.[`${channel}_verified`])) {
      toast(t.verify.done);
      return go("/", { replace: true });
    }
    list.replaceChildren(...CHANNELS.map((channel) => step(channel, who, draw)));
    list.querySelector("input")?.focus();
  };

  const found = h("div", { class: "card pad" });
  const ready = (async () => {
    await accounts.me();
    draw();
    found.replaceChildren(finder(await accounts.settings()));
    // Only where the server says that it has no way to send, and writes what it would send into a file.
    const { senders } = await accounts.config().catch(() => ({}));
    hint.hidden = !senders || (senders.sms && senders.email);
  })();

  const leave = h("button", { class: "button plain compact", type: "button", onclick: () => (end(), go("/signin", { replace: true })) }, t.signOut);
  return { title: t.verify.title, node: enter(t.verify.title, t.verify.intro, found, list, hint, h("p", { class: "swap" }, leave)), ready };
}

/** Who finds one by one's number: decided before it is confirmed, since those who have it are told then. */
function finder({ schema, values }) {
  const { title, enum: choices } = schema.properties[BY_PHONE];
  const list = h("select", { class: "input", id: "found-by-phone", "aria-describedby": "found-by-phone-why" }, choices.map((key) => h("option", { value: key, selected: key === values[BY_PHONE] }, t.settings.choices[key])));
  list.addEventListener("change", async () => {
    try {
      await accounts.setSettings({ [BY_PHONE]: list.value });
      toast(t.settings.saved);
    } catch (error) {
      complain(error);
    }
  });
  const question = h("div", { class: "setting" }, h("label", { for: list.id }, t.settings.labels[BY_PHONE] ?? title), list);
  return h("div", { class: "stack tight" }, question, h("p", { class: "soft small", id: "found-by-phone-why" }, t.verify.found));
}

function step(channel, who, next) {
  const target = who?.[channel] ?? "";
  if (who?.[`${channel}_verified`]) {
    return h("div", { class: "card channel done" }, h("div", {}, h("div", { class: "strong" }, t.verify[channel]), h("div", { class: "soft small" }, target)), h("span", { class: "tag good" }, icon("check"), t.verify.confirmed));
  }
  const again = act(t.verify.again, async () => {
    await accounts.resend(channel);
    toast(t.verify.sentAgain);
  });
  again.classList.add("plain");
  const card = h(
    "div",
    { class: "card channel", data: { channel } },
    h("div", {}, h("div", { class: "strong" }, t.verify[channel]), h("div", { class: "soft small" }, t.verify.sentTo(target))),
    form(
      {
        submit: t.verify.confirm,
        wide: true,
        act: async ({ code }) => {
          await accounts.verify(channel, code.trim());
          next();
        },
      },
      h("div", { class: "code" }, field("code", t.verify.code, { inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6, pattern: "[0-9]{6}", placeholder: "······" })),
    ),
    again,
  );
  return card;
}
