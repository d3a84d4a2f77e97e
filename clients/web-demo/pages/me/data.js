import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { go } from "../../core/router.js";
import { account, end } from "../../core/session.js";
import { forget } from "../../core/storage.js";
import { t } from "../../core/text.js";
import { bytes, dateAndTime, fullDate } from "../../core/times.js";
import { toast } from "../../core/toast.js";
import { field, form } from "../../parts/field.js";
import { head } from "../../parts/head.js";
import { act } from "../../parts/person.js";
import { sheet } from "../../parts/sheet.js";

// How often an export that is being made is looked at.
const LOOK_MS = 1500;

export default function data({ life }) {
  const state = h("div", {});
  const ask = act(t.data.request, () => follow(), { primary: true, icon: "download", compact: false });

  async function follow() {
    let job = await accounts.requestExport();
    const pending = () => job.state === "waiting";
    while (pending() && !life.aborted) {
      fill(state, h("div", { class: "note" }, icon("clock", 20), h("span", { role: "status" }, t.data.making)));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      job = await accounts.getExport(job.id);
    }
    if (life.aborted) return;
    if (job.state !== "ready") return fill(state, h("div", { class: "note bad" }, icon("warning", 20), h("span", {}, t.data.failed)));
    fill(
      state,
      h(
        "div",
        { class: "card between" },
        h("div", {}, h("div", { class: "strong" }, t.data.ready), h("div", { class: "soft small" }, [job.size_bytes && bytes(job.size_bytes), job.expires_at && t.data.until(dateAndTime(job.expires_at))].filter(Boolean).join(" · "))),
        h("a", { class: "button primary", href: job.download, download: "" }, t.feed.download),
      ),
    );
  }

  const node = h(
    "div",
    { class: "page" },
    head(t.me.data, { up: "/me" }),
    h(
      "div",
      { class: "column" },
      h("section", { class: "card pad stack" }, h("h2", {}, t.data.exportTitle), h("p", { class: "soft" }, t.data.exportText), ask, state),
      h("section", { class: "card pad stack" }, h("h2", {}, t.data.deleteTitle), h("p", { class: "soft" }, t.data.deleteText), h("ul", { class: "prose" }, t.data.deleteSteps.map((one) => h("li", {}, one))), act(t.data.delete, remove, { danger: true, icon: "trash", compact: false })),
    ),
  );
  return { title: t.me.data, node };
}

function remove() {
  const node = sheet(
    t.data.deleteTitle,
    form(
      {
        submit: t.data.deleteNow,
        act: async ({ password }) => {
          const who = account();
          const gone = await accounts.deleteMe(password);
          node.close();
          await forget(who);
          end();
          toast(t.data.deletedOn(fullDate(gone.erase_at)), { stays: true });
          go("/signin", { replace: true });
        },
      },
      h("p", {}, t.data.deleteSure),
      field("password", t.signUp.password, { type: "password", autocomplete: "current-password" }),
    ),
  );
}
