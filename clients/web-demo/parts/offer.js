// Whether others are offered an own video's download: one row of its menu.
import { videos } from "../api/index.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";

export function downloadSwitch(item) {
  const wanted = !item.allow_download;
  const change = async () => {
    try {
      await videos.edit({ id: item.id }, { allow_download: wanted });
      item.allow_download = wanted;
      toast(t.feed.offered[wanted]);
    } catch (error) {
      complain(error);
    }
  };
  return { icon: "download", label: t.feed.offer[wanted], onclick: change };
}
