// Comments of a video in a sheet: threads one level deep, likes, and taking back.
import { videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { ago } from "../core/times.js";
import { complain } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";
import { broken, empty } from "./empty.js";
import { rowBones } from "./skeleton.js";
import { confirm, sheet } from "./sheet.js";

/** `onadd(count)` is told how many more or less there are; who owns the video may delete what others wrote. */
export function comments(video, { life, onadd, owns = false } = {}) {
  const words = t.comments;
  const list = h("div", {}, rowBones(3));
  const input = h("input", { class: "input", name: "text", maxlength: 500, placeholder: words.placeholder, "aria-label": words.placeholder, autocomplete: "off" });
  const whom = h("span", { class: "soft small clip" });
  const answering = h("div", { class: "between", hidden: true }, whom, h("button", { class: "icon-button", type: "button", "aria-label": words.noAnswer, onclick: () => answer(null) }, icon("close", 18)));
  const write = h("form", { class: "between" }, input, h("button", { class: "button primary", type: "submit" }, words.send));
  sheet(words.title, list, { foot: h("div", { class: "stack tight" }, answering, write), life });
  let items = [];
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
      await videos.likeComment(one, on).then(() => {
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
      await videos.dropComment(one);
      onadd?.(-1 - (one.replies ?? 0));
      await read();
    } catch (error) {
      complain(error);
    }
  }

  function row(one) {
    const answers = h("ul", { class: "rows answers", hidden: true });
    const open = async () => {
      const page = await videos.comments(video, one.id).catch(complain);
      if (page) fill(answers, page.items.map(row));
      answers.hidden = !page;
    };
    one.open = open;
    const mayDrop = owns || one.author.username === account()?.username;
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
          h("div", {}, one.text),
          h("div", { class: "line-up" }, liking(one), !one.parent && quiet(words.answer, () => answer(one)), one.replies > 0 && quiet(words.answers(one.replies), open), mayDrop && quiet(t.remove, () => drop(one))),
        ),
      ),
      answers,
    );
  }
  const draw = () => fill(list, items.length ? h("ul", { class: "rows" }, items.map(row)) : empty("comment", words.emptyTitle, words.emptyText));
  const read = () => videos.comments(video).then((page) => ((items = page.items), draw()), (error) => fill(list, broken(error, read)));
  read();

  write.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    try {
      const made = await videos.comment(video, text, parent?.id ?? null);
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
