// "My code": a QR code and a link that make whoever accepts them a friend.
import { people } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { t } from "../core/text.js";
import { fullDate } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { act } from "./person.js";
import { sheet } from "./sheet.js";

export function friendLink({ life }) {
  const place = h("div", { class: "stack" }, h("div", { class: "qr bone" }));
  const node = sheet(t.friendLink.mine, place, { life });

  async function draw() {
    const [link = await people.makeLink()] = (await people.links()).items;
    const picture = new DOMParser().parseFromString(await people.qr(link), "image/svg+xml").documentElement;
    const address = new URL(link.url);
    // What the server calls itself may not be what this browser called.
    const url = new URL(address.pathname, location.origin).href;
    fill(
      place,
      h("div", { class: "qr", role: "img", "aria-label": t.friendLink.qr }, document.importNode(picture, true)),
      h("p", { class: "soft small" }, t.friendLink.until(fullDate(link.expires_at))),
      h(
        "div",
        { class: "line-up" },
        act(t.friendLink.copy, async () => (await navigator.clipboard.writeText(url), toast(t.friendLink.copied)), { primary: true, icon: "share" }),
        navigator.share && act(t.share.title, () => navigator.share({ url }).catch(() => null)),
        act(t.friendLink.renew, async () => (await people.revokeLink(link.id), await draw()), { icon: "trash" }),
      ),
    );
  }
  draw().catch((error) => (node.close(), complain(error)));
}
