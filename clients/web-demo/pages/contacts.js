// Friends in the address book: the person's word, the numbers, and who of them is here.
import { people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { on } from "../realtime/link.js";
import { nameOf } from "../parts/avatar.js";
import { empty } from "../parts/empty.js";
import { check, field, form } from "../parts/field.js";
import { head, iconButton } from "../parts/head.js";
import { pagedRows } from "../parts/paged.js";
import { act, friendButton, personRow } from "../parts/person.js";
import { confirm, menu, sheet } from "../parts/sheet.js";
import { rowBones } from "../parts/skeleton.js";

// Telephone numbers in what was pasted, or in a vCard file (RFC 6350: TEL lines); anything else in it stays here.
const NUMBER = /\+?[0-9][0-9 ()./-]{5,}[0-9]/g;
const numbersIn = (text) => [...new Set((/BEGIN:VCARD/i.test(text) ? text.split(/\r?\n/).filter((line) => /^(?:[\w.-]+\.)?TEL/i.test(line)).join("\n") : text).match(NUMBER) ?? [])];

export default function contacts({ life }) {
  const place = h("div", {}, rowBones(4));
  const text = h("textarea", { name: "numbers", rows: 5, placeholder: t.contacts.placeholder, inputmode: "tel" });
  const file = h("input", { type: "file", accept: ".vcf,text/vcard,text/plain", hidden: true });
  file.addEventListener("change", async () => file.files[0] && (text.value = numbersIn(await file.files[0].text()).join("\n")));
  // The picker of the phone's own address book, where the browser has one.
  const pick = "contacts" in navigator ? act(t.contacts.pick, async () => {
    const chosen = await navigator.contacts.select(["tel"], { multiple: true });
    text.value = chosen.flatMap((one) => one.tel ?? []).join("\n");
  }, { icon: "people" }) : null;

  async function draw() {
    const first = await people.contacts();
    fill(
      place,
      first.items.length
        ? pagedRows(first, (one) => personRow(one.user, { note: one.name, actions: h("span", { class: "actions" }, friendButton(one.user), iconButton("more", t.contacts.more(nameOf(one.user)), () => choices(one))) }), people.contacts)
        : empty("people", t.contacts.noneTitle, t.contacts.noneText),
    );
  }

  const choices = ({ user, name }) =>
    menu(
      name ?? nameOf(user),
      [
        { icon: "edit", label: t.contacts.rename, onclick: () => rename(user, name) },
        { icon: "trash", label: t.contacts.remove, danger: true, onclick: () => people.removeContact(user.username).then(draw).catch(complain) },
      ],
      life,
    );

  /** What one calls somebody in one's own book; an empty name takes it back. */
  function rename(user, name) {
    const node = sheet(
      t.contacts.rename,
      form(
        {
          submit: t.save,
          act: async (given) => {
            await people.renameContact(user.username, given.name.trim() || null);
            node.close();
            await draw();
          },
        },
        field("name", t.contacts.name, { value: name ?? "", maxlength: 100, autocomplete: "off", placeholder: nameOf(user), hint: t.contacts.nameHint }),
      ),
      { life },
    );
    node.querySelector("input").focus();
  }

  async function removeAll() {
    if (!(await confirm(t.contacts.removeAllTitle, t.contacts.removeAllText, { agree: t.contacts.removeAll, danger: true }))) return;
    await people.removeContacts();
    toast(t.contacts.removedAll);
    await draw();
  }

  on("contact:joined", draw, life);
  const node = h(
    "div",
    { class: "page" },
    head(t.contacts.title, { up: "/discover" }),
    h(
      "div",
      { class: "column" },
      h(
        "section",
        { class: "card pad" },
        form(
          {
            submit: t.contacts.find,
            act: async ({ authorized }) => {
              const done = await people.syncContacts(numbersIn(text.value), authorized);
              text.value = "";
              toast(t.contacts.found(done.items.length, done.added + done.unchanged));
              await draw();
            },
          },
          h("p", { class: "soft" }, t.contacts.intro),
          field("add", t.contacts.numbers, { control: text, hint: t.contacts.hint }),
          h("div", { class: "line-up" }, pick, file, act(t.contacts.file, async () => file.click(), { icon: "document" })),
          check("authorized", t.contacts.authorized),
        ),
      ),
      h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t.contacts.here), act(t.contacts.removeAll, removeAll, { icon: "trash" })), place),
      h("div", { class: "note" }, icon("lock", 20), h("span", {}, t.contacts.kept)),
    ),
  );
  return { title: t.contacts.title, node, ready: draw() };
}
