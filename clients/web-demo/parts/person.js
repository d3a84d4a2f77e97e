// A person in a list, with the one act that fits: ask, answer, or write.
import { conversations, people } from "../api/index.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go } from "../core/router.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { avatar, nameOf } from "./avatar.js";

/** Runs `work` while its button is busy; complains where it fails. */
export async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

export function act(label, work, { primary = false, icon: name, danger = false, compact = true } = {}) {
  const button = h("button", { class: ["button", compact && "compact", primary && "primary", danger && "danger"], type: "button" }, name && icon(name, 18), label);
  button.addEventListener("click", () => busy(button, () => work(button)));
  return button;
}

/** The button that fits how we stand with this person: "none" | "requested" | "asked" | "friends" | "blocked" | "self". */
export function friendButton(person, { compact = true } = {}) {
  const place = h("span", { class: "actions" });
  const draw = (standing) => {
    const done = (text) => place.replaceChildren(h("span", { class: "tag good" }, text));
    if (standing === "friends") {
      place.replaceChildren(
        act(t.people.message, async () => go(`/messages/${(await conversations.direct(person.username)).id}`), { compact, icon: "messages" }),
      );
    } else if (standing === "requested") done(t.people.requested);
    else if (standing === "asked") {
      place.replaceChildren(act(t.people.accept, async () => {
        await people.acceptFrom(person.username);
        draw("friends");
      }, { primary: true, compact }));
    } else if (standing === "none") {
      place.replaceChildren(act(t.people.add, async () => {
        // Known before it is sent: the list may be drawn anew while the answer is on its way.
        justAsked.set(person.username, Date.now());
        const request = await people.ask(person.username).catch((error) => {
          justAsked.delete(person.username);
          throw error;
        });
        toast(t.people.askedFor(nameOf(person)));
        draw(request?.status === "accepted" ? "friends" : "requested");
      }, { primary: true, icon: "userPlus", compact }));
    }
  };
  draw(standingOf(person));
  return place;
}

// A list that was asked for before a request went out comes after it and knows nothing of it: for a moment we know better.
const KNOWN_BETTER_MS = 5000;
const justAsked = new Map();

export function standingOf(person) {
  const asked = Date.now() - (justAsked.get(person.username) ?? 0) < KNOWN_BETTER_MS;
  return asked && person.standing === "none" ? "requested" : (person.standing ?? "none");
}

export function personRow(person, { note = null, actions = null } = {}) {
  return h(
    "div",
    { class: "row-item" },
    h("a", { href: `/u/${person.username}`, tabindex: "-1", "aria-hidden": "true" }, avatar(person)),
    h(
      "div",
      { class: "body" },
      h("a", { class: "title clip", href: `/u/${person.username}` }, nameOf(person)),
      h("div", { class: "soft small clip" }, note ?? `@${person.username}`),
    ),
    actions ?? friendButton(person),
  );
}
