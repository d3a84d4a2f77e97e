// What one leaves out of one's feed: this one, more like it, or a person. Each can be taken back at once.
import { posts } from "../api/index.js";
import { account } from "../core/session.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { nameOf } from "./avatar.js";

/** Rows for a menu. `leave(isGone(item), on)` takes slides out of the reel, and back. */
export function choicesOf(item, leave) {
  const { owner } = item;
  if (!leave || owner.username === account()?.username) return [];
  const words = t.feed.choices;
  const act = (how, what, isGone, said) => async () => {
    try {
      await posts.leaveOut(how, what);
      leave(isGone, true);
      toast(said, { action: { label: t.undo, onclick: () => posts.takeBack(how, what).then(() => leave(isGone, false), complain) } });
    } catch (error) {
      complain(error);
    }
  };
  const isThis = (other) => other === item;
  return [
    { icon: "eyeOff", label: words.hide, onclick: act("hidden", item.id, isThis, words.hidden) },
    { icon: "down", label: words.less, onclick: act("not-interested", item.id, isThis, words.lessSaid) },
    { icon: "mute", label: words.mute(nameOf(owner)), onclick: act("muted", owner.username, (other) => other.owner.username === owner.username, words.muted(nameOf(owner))) },
  ];
}
