import { h, listen } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import * as outgoing from "../media/outgoing.js";
import { begin } from "../media/tus.js";
import { check, field, form, select } from "../parts/field.js";
import { head } from "../parts/head.js";
import { sending } from "../parts/sending.js";

/** Drop, paste or pick; a form for each file; what was on its way before a reload goes on. */
export default function upload({ life }) {
  const picker = h("input", { type: "file", accept: "video/*,.mkv,.avi,.ts,.mov", multiple: true, hidden: true });
  const pick = h("button", { class: "button primary", type: "button", onclick: () => picker.click() }, icon("plus", 18), t.upload.pick);
  const drop = h("div", { class: "drop" }, icon("camera", 40), h("strong", {}, t.upload.drop), h("p", {}, t.upload.dropText), pick, picker);
  const list = h("div", { class: "stack" });
  const waiting = []; // entries of a visit before, whose files the browser did not keep

  function take(file) {
    const known = waiting.find(({ entry }) => outgoing.isSame(entry, file));
    if (known) {
      waiting.splice(waiting.indexOf(known), 1);
      return known.node.replaceWith(sending(file, known.entry, life));
    }
    const ask = h("section", { class: "card pad" });
    ask.append(
      h("p", { class: "soft file-name" }, file.name),
      form(
        {
          submit: t.upload.begin,
          act: async ({ title, visibility, who, download }) => {
            const chosen = { visibility, who_can_comment: who, allow_download: String(download) };
            const { path, notice } = await begin(file.size, { purpose: "video", filename: file.name, filetype: file.type, title: title.trim(), ...chosen });
            await outgoing.keep(account(), { path, file, title: title.trim() }).catch(complain);
            toast(notice, { icon: "info" });
            ask.replaceWith(sending(file, { path, title: title.trim() }, life));
          },
        },
        field("title", t.upload.name, { value: file.name.replace(/\.[^.]+$/, "").slice(0, 200), maxlength: 200 }),
        select("visibility", t.host.visibility, Object.entries(t.host.visibilities), { value: "everyone" }),
        select("who", t.comments.who, Object.entries(t.comments.audiences), { value: "" }),
        check("download", t.upload.download, { checked: true }),
      ),
    );
    list.prepend(ask);
  }

  const takeAll = (files) => [...files].forEach(take);
  picker.addEventListener("change", () => (takeAll(picker.files), (picker.value = "")));
  drop.addEventListener("dragover", (event) => (event.preventDefault(), drop.classList.add("over")));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    takeAll(event.dataTransfer.files);
  });
  listen(document, "paste", (event) => takeAll(event.clipboardData?.files ?? []), life);

  async function goOn() {
    for (const entry of await outgoing.list(account()).catch(() => [])) {
      if (life.aborted) return;
      if (entry.file) list.append(sending(entry.file, entry, life));
      else {
        const node = h("section", { class: "card pad" }, h("h2", {}, t.upload.unfinished), h("p", {}, t.upload.again(entry.name)));
        waiting.push({ entry, node });
        list.append(node);
      }
    }
  }
  const node = h("div", { class: "page" }, head(t.upload.title, { up: "/me" }), h("div", { class: "column" }, drop, list));
  return { title: t.upload.title, node, ready: goOn() };
}
