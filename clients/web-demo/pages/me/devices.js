import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { t } from "../../core/text.js";
import { isOn, supported, switchOff, switchOn } from "../../core/push.js";
import { ago } from "../../core/times.js";
import { complain, toast } from "../../core/toast.js";
import { on } from "../../realtime/link.js";
import { head } from "../../parts/head.js";
import { act } from "../../parts/person.js";
import { rowBones } from "../../parts/skeleton.js";

export default function devices({ life }) {
  const place = h("div", {}, rowBones(2));

  async function open() {
    const { items } = await accounts.sessions();
    fill(
      place,
      h(
        "ul",
        { class: "rows" },
        items.map((one) =>
          h(
            "li",
            {},
            h(
              "div",
              { class: "row-item" },
              h("span", { class: "face" }, h("span", { class: "avatar" }, icon("devices", 22)), one.online && h("i", { class: "presence online", "aria-hidden": "true" })),
              h("div", { class: "body" }, h("div", { class: "title clip" }, one.device ?? t.devices.unknown), h("div", { class: "soft small" }, one.online ? t.devices.online : t.devices.used(ago(one.seen_at)))),
              one.current
                ? h("span", { class: "tag good" }, t.devices.here)
                : act(t.devices.end, async () => {
                    await accounts.endSession(one.id);
                    toast(t.devices.ended);
                    await open();
                  }),
            ),
          ),
        ),
      ),
    );
  }
  on("presence:device", () => open().catch(complain), life);
  const node = h(
    "div",
    { class: "page" },
    head(t.me.devices, { up: "/me" }),
    h("div", { class: "column" }, supported() && wakeSwitch(), h("p", { class: "soft" }, t.devices.intro), place),
  );
  return { title: t.me.devices, node, ready: open() };
}

/** Whether this browser tells of messages while the page is closed. */
function wakeSwitch() {
  const box = h("input", { class: "switch", type: "checkbox", id: "wake", disabled: true, "aria-describedby": "wake-why" });
  isOn()
    .then((on) => (box.checked = on))
    .catch(complain)
    .finally(() => (box.disabled = false));
  box.addEventListener("change", async () => {
    box.disabled = true;
    try {
      await (box.checked ? switchOn() : switchOff());
      toast(box.checked ? t.push.on : t.push.off);
    } catch (error) {
      box.checked = !box.checked;
      complain(error);
    } finally {
      box.disabled = false;
    }
  });
  return h(
    "section",
    { class: "card" },
    h("div", { class: "setting" }, h("div", {}, h("label", { for: "wake" }, t.push.label), h("p", { class: "soft small", id: "wake-why" }, t.push.why)), box),
  );
}
