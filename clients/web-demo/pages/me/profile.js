import { accounts } from "../../api/index.js";
import { fill, h } from "../../core/dom.js";
import { icon } from "../../core/icons.js";
import { go } from "../../core/router.js";
import { t } from "../../core/text.js";
import { toast } from "../../core/toast.js";
import { avatar } from "../../parts/avatar.js";
import { field, form } from "../../parts/field.js";
import { head } from "../../parts/head.js";
import { act, busy } from "../../parts/person.js";
import { textBones } from "../../parts/skeleton.js";

const listed = (text) => text.split(/[,;\n]/).map((one) => one.trim()).filter(Boolean);

export default function profile() {
  // Drawn once, from what the server has: a second drawing would take away what somebody has begun to type.
  const place = h("div", { class: "column" }, textBones(6));

  function draw(who) {
    const file = h("input", { type: "file", accept: "image/*", class: "for-readers", id: "avatar-file", tabindex: "-1" });
    const pick = act(t.profile.changePicture, () => file.click(), { icon: "image" });
    file.addEventListener("change", () =>
      busy(pick, async () => {
        if (!file.files[0]) return;
        draw(await accounts.putAvatar(file.files[0]));
        toast(t.profile.pictureSaved);
      }),
    );
    fill(
      place,
      h(
        "div",
        { class: "card pad profile" },
        avatar(who, "large"),
        h("div", { class: "stack tight" }, h("label", { class: "for-readers", for: "avatar-file" }, t.profile.changePicture), file, h("div", { class: "line-up" }, pick, who.avatar && act(t.profile.removePicture, async () => draw(await accounts.removeAvatar()), { icon: "trash" })), h("p", { class: "soft small" }, t.profile.pictureHint)),
      ),
      form(
        {
          submit: t.save,
          act: async (fields) => {
            const { interests, languages, region, ...rest } = fields;
            const changed = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value.trim() || null]).filter(([name, value]) => value !== (who[name] ?? null)));
            const traits = { interests: listed(interests), languages: listed(languages).map((one) => one.toLowerCase()), region: region.trim().toUpperCase() || null };
            for (const [name, value] of Object.entries(traits)) if (JSON.stringify(value) !== JSON.stringify(who[name])) changed[name] = value;
            if (Object.keys(changed).length) await accounts.editMe(changed, who);
            toast(t.profile.saved);
            go("/me");
          },
        },
        field("profile_name", t.profile.name, { value: who.profile_name ?? "", maxlength: 60, autocomplete: "nickname", hint: t.profile.nameHint(who.name) }),
        field("status_message", t.profile.status, { value: who.status_message ?? "", maxlength: 140, hint: t.profile.statusHint }),
        h("div", { class: "row" }, field("gender", t.user.gender, { value: who.gender ?? "", maxlength: 40, hint: t.optional }), field("age_info", t.user.age, { value: who.age_info ?? "", maxlength: 40, hint: t.optional })),
        field("interests", t.profile.interests, { value: who.interests?.join(", ") ?? "", maxlength: 280, hint: t.profile.interestsHint }),
        h("div", { class: "row" }, field("languages", t.profile.languages, { value: who.languages?.join(", ") ?? "", maxlength: 40, hint: t.profile.languagesHint, autocapitalize: "none" }), field("region", t.profile.region, { value: who.region ?? "", maxlength: 6, hint: t.profile.regionHint })),
      ),
      h("div", { class: "note" }, icon("info", 20), h("span", {}, t.profile.whoSees, " ", h("a", { href: "/me/settings" }, t.me.settings))),
    );
  }
  return { title: t.me.edit, node: h("div", { class: "page" }, head(t.me.edit, { up: "/me" }), place), ready: accounts.me().then(draw) };
}
