// Writing a post: a text, pictures beside it, and who sees it.
import { posts } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { onceKey } from "../core/http.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { begin, send } from "../media/tus.js";
import { field, form, select } from "./field.js";
import { sheet } from "./sheet.js";

// As many as a post holds.
const PICTURES_LIMIT = 10;

/** `ondone(post)` once it is out. */
export function compose({ life, ondone }) {
  const words = t.post;
  const once = onceKey();
  const chosen = new Map(); // file -> its id once it has been sent
  const shown = h("div", { class: "post-thumbs" });
  const picker = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  const add = h("button", { class: "button", type: "button", onclick: () => picker.click() }, icon("image", 20), words.addPictures);
  picker.addEventListener("change", () => {
    for (const file of picker.files) if (chosen.size < PICTURES_LIMIT) show(file);
    picker.value = "";
  });

  function show(file) {
    const url = URL.createObjectURL(file);
    const off = h("button", { class: "chosen", type: "button", "aria-label": words.removePicture(file.name), onclick: () => (chosen.delete(file), off.remove(), URL.revokeObjectURL(url)) }, h("img", { src: url, alt: "" }), icon("close", 16));
    chosen.set(file, null);
    shown.append(off);
  }

  async function upload(file, visibility) {
    const { path } = await begin(file.size, { purpose: "image", filename: file.name, filetype: file.type, visibility });
    return (await send(path, file, { onsent: () => null, signal: life })).split("/").pop();
  }

  const node = sheet(
    words.title,
    form(
      {
        submit: words.submit,
        act: async ({ text, visibility }) => {
          for (const [file, id] of chosen) if (!id) chosen.set(file, await upload(file, visibility));
          const made = await posts.write({ text: text.trim(), visibility, images: [...chosen.values()] }, once);
          node.close();
          toast(words.out, { action: { label: t.look, href: `/post/${made.id}` } });
          ondone?.(made);
        },
      },
      field("text", words.text, { control: "textarea", rows: 5, maxlength: 2000, hint: words.hint }),
      shown,
      h("div", {}, add, picker),
      select("visibility", words.visibility, Object.entries(t.host.visibilities), { value: "everyone" }),
    ),
    { life },
  );
  node.querySelector("textarea").focus();
  return node;
}
