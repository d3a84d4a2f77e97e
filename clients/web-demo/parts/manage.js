// What one may do with a video of one's own: change what stands with it, offer its download or not, delete it. Rows for a menu.
import { videos } from "../api/index.js";
import { h } from "../core/dom.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { toast } from "../core/toast.js";
import { field, form, select } from "./field.js";
import { posterChoice } from "./poster.js";
import { confirm, sheet } from "./sheet.js";

/** `ongone()` is told when it was deleted, `onedit(video)` what it has become. */
export function manage(item, { life, ongone, onedit }) {
  if (item.kind !== "video" || item.owner.username !== account()?.username) return [];
  return [
    { icon: "edit", label: t.video.edit, onclick: () => change(item, { life, onedit }) },
    downloadSwitch(item),
    { icon: "trash", label: t.video.drop, danger: true, onclick: () => drop(item, ongone) },
  ];
}

/** Read anew first: its version guards what was changed on another device. */
async function change({ id }, { life, onedit }) {
  const video = await videos.video(id);
  const node = sheet(
    t.video.edit,
    h(
      "div",
      { class: "stack" },
      form(
        {
          submit: t.save,
          act: async ({ title, visibility, who }) => {
            const changed = await videos.edit(video, { title: title.trim(), visibility, who_can_comment: who || null });
            node.close();
            toast(t.video.saved);
            onedit?.(changed);
          },
        },
        field("title", t.upload.name, { value: video.title, maxlength: 200 }),
        select("visibility", t.host.visibility, Object.entries(t.host.visibilities), { value: video.visibility }),
        select("who", t.comments.who, Object.entries(t.comments.audiences), { value: video.who_can_comment ?? "" }),
      ),
      (await posterChoice(video)) ?? [],
    ),
    { life },
  );
}

function downloadSwitch(item) {
  const wanted = !item.allow_download;
  const turn = async () => {
    await videos.edit({ id: item.id }, { allow_download: wanted });
    item.allow_download = wanted;
    toast(t.feed.offered[wanted]);
  };
  return { icon: "download", label: t.feed.offer[wanted], onclick: turn };
}

async function drop(item, ongone) {
  if (!(await confirm(t.video.dropTitle, t.video.dropText, { agree: t.remove, danger: true }))) return;
  await videos.drop(item.id);
  toast(t.video.dropped);
  ongone?.();
}
