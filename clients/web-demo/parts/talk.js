// Liking and talking, the same for videos and posts: buttons that show how many, in a slide or under a card.
import { talk } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { t } from "../core/text.js";
import { shortNumber } from "../core/times.js";
import { complain } from "../core/toast.js";
import { comments } from "./comments.js";

/** A button whose text is a number is called by its word and the number. */
function draw(button, word, number) {
  button.lastChild.textContent = shortNumber(number);
  button.setAttribute("aria-label", `${word} ${shortNumber(number)}`);
}

const counting = (name, onclick) => h("button", { type: "button", onclick }, h("span", { class: "disc" }, icon(name)), h("span", {}));

export function likeButton(item) {
  const show = () => {
    draw(button, t.feed.like, item.likes);
    button.setAttribute("aria-pressed", String(item.liked));
  };
  const turn = () => {
    item.liked = !item.liked;
    item.likes += item.liked ? 1 : -1;
    show();
  };
  const button = counting("heart", async () => {
    turn();
    try {
      await talk.like(item, item.liked);
    } catch (error) {
      turn();
      complain(error);
    }
  });
  show();
  return button;
}

export function talkButton(item, life) {
  const show = () => draw(button, t.comments.title, item.comments);
  const button = counting("comment", () => comments(item, { life, onadd: (more) => ((item.comments += more), show()) }));
  show();
  return button;
}
