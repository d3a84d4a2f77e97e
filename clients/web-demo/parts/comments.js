// Comments of a video or a post in a sheet: threads one level deep, likes, reports, taking back, and who may write.
import { posts, talk, videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { complain, toast } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";
import { broken, empty } from "./empty.js";
import { act } from "./person.js";
import { report } from "./report.js";
import { rowBones } from "./skeleton.js";
import { confirm, sheet } from "./sheet.js";
import { words as linked } from "./words.js";

/** `item`: the video or post. `onadd(count)` is told how many comments more or less there are. */
export function comments(item, { life, onadd } = {}) {
  const words = t.comments;
  const me = account()?.username;
  const owns = item.owner.username === me;
  const list = h("div", {}, rowBones(3));
  const input = h("input", { class: "input", name: "text", maxlength: 500, placeholder: words.placeholder, "aria-label": words.placeholder, autocomplete: "off" });
  const whom = h("span", { class: "soft small clip" });
  const answering = h("div", { class: "between", hidden: true }, whom, h("button", { class: "icon-button", type: "button", "aria-label": words.noAnswer, onclick: () => answer(null) }, icon("close", 18)));
  const write = h("form", { class: "between" }, input, h("button", { class: "button primary", type: "submit" }, words.send));
  sheet(words.title, [owns && whoMay(item), list], { foot: h("div", { class: "stack tight" }, answering, write), life });
  let items = [];
  let next = null;
  let parent = null;

  function answer(one) {
    parent = one;
    answering.hidden = !one;
    whom.textContent = one ? words.answering(nameOf(one.author)) : "";
    input.focus();
  }

  const quiet = (label, onclick, more = {}) => h("button", { class: "quiet", type: "button", onclick, ...more }, label);

  function liking(one) {
    const button = quiet(words.like(one.likes), async () => {
      const on = !one.liked;
      await talk.likeComment(item, one, on).then(() => {
        one.liked = on;
        one.likes += on ? 1 : -1;
        button.textContent = words.like(one.likes);
        button.setAttribute("aria-pressed", String(on));
      }, complain);
    }, { "aria-pressed": String(one.liked) });
    return button;
  }

  async function drop(one) {
    if (!(await confirm(words.dropTitle, one.parent ? "" : words.dropText, { agree: t.remove, danger: true }))) return;
    try {
      await talk.drop(item, one);
      onadd?.(-1 - (one.replies ?? 0));
      await read();
    } catch (error) {
      complain(error);
    }
  }

  function row(one) {
    const answers = h("ul", { class: "rows answers", hidden: true });
    const rest = h("div", { class: "answers" });
    const open = async (cursor = null) => {
      const page = await talk.comments(item, { parent: one.id, cursor }).catch(complain);
      if (!page) return;
      if (!cursor) fill(answers);
      answers.append(...page.items.map(row));
      answers.hidden = false;
      fill(rest, page.next_cursor && act(words.moreAnswers, () => open(page.next_cursor)));
    };
    one.open = () => open();
    const mine = one.author.username === me;
    return h(
      "li",
      {},
      h(
        "div",
        { class: "row-item comment" },
        avatar(one.author, "small"),
        h(
          "div",
          { class: "body" },
          h("div", { class: "small" }, h("a", { class: "strong", href: `/u/${one.author.username}` }, nameOf(one.author)), " ", h("span", { class: "soft" }, ago(one.created_at))),
          h("div", { class: "said" }, linked(one.text)),
          h(
            "div",
            { class: "line-up" },
            liking(one),
            !one.parent && quiet(words.answer, () => answer(one)),
            one.replies > 0 && quiet(words.answers(one.replies), one.open),
            (owns || mine) && quiet(t.remove, () => drop(one)),
            !mine && quiet(t.report.short, () => report({ kind: "comment", id: one.id }, { person: one.author.username, life }), { "aria-label": words.reportOf(nameOf(one.author)) }),
          ),
        ),
      ),
      answers,
      rest,
    );
  }
  const draw = () => fill(list, items.length ? h("ul", { class: "rows" }, items.map(row)) : empty("comment", words.emptyTitle, words.emptyText), next && act(words.more, () => read(next)));
  const read = (cursor = null) =>
    talk.comments(item, { cursor }).then(
      (page) => {
        items = cursor ? [...items, ...page.items] : page.items;
        next = page.next_cursor;
        draw();
      },
      (error) => (cursor ? complain(error) : fill(list, broken(error, () => read()))),
    );
  read();

  write.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    try {
      const made = await talk.comment(item, text, parent?.id ?? null);
      input.value = "";
      onadd?.(1);
      if (!parent) items = [made, ...items];
      else parent.replies += 1;
      draw();
      await parent?.open();
      answer(null);
    } catch (error) {
      complain(error);
    }
  });
}

/** Its owner chooses here who may write; an empty value is what the settings say. */
function whoMay(item) {
  const choice = h("select", { class: "input", "aria-label": t.comments.who }, Object.entries(t.comments.audiences).map(([key, label]) => h("option", { value: key, selected: key === (item.who_can_comment ?? "") }, label)));
  choice.addEventListener("change", async () => {
    const wanted = choice.value || null;
    try {
      await (item.kind === "post" ? posts : videos).edit({ id: item.id }, { who_can_comment: wanted });
      item.who_can_comment = wanted;
      toast(t.comments.whoSaved);
    } catch (error) {
      choice.value = item.who_can_comment ?? "";
      complain(error);
    }
  });
  return h("div", { class: "between who-comments" }, h("span", { class: "small strong" }, t.comments.who), choice);
}
