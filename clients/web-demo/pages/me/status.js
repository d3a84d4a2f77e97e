// How one stands before others: here, away, busy or invisible, with a few words. Kept with the account until it is changed.
import { h } from "../../core/dom.js";
import { t } from "../../core/text.js";
import { toast } from "../../core/toast.js";
import { field, form } from "../../parts/field.js";
import { sheet } from "../../parts/sheet.js";
import { emit } from "../../realtime/link.js";

const WORDS_LIMIT = 100;

export async function chooseStatus(life) {
  const own = await emit("presence:devices");
  const options = Object.entries(t.status.kinds).map(([value, label]) => h("option", { value, selected: value === own.status }, label));
  const node = sheet(
    t.status.title,
    form(
      {
        submit: t.save,
        act: async ({ status, text }) => {
          await emit("presence:set", { status, text: text?.trim() || null });
          node.close();
          toast(t.status.done);
        },
      },
      field("status", t.status.seenAs, { control: "select", children: options, hint: t.status.hint }),
      field("text", t.status.words, { value: own.text ?? "", maxlength: WORDS_LIMIT, placeholder: t.status.example }),
    ),
    { life },
  );
}
