// What all pages share, and the sentences for what goes wrong.
import { many } from "./many.js";

export const name = "livecore";
export const ok = "OK";
export const save = "Save";
export const cancel = "Cancel";
export const close = "Close";
export const back = "Back";
export const more = "More";
export const showMore = "Show more";
export const undo = "Undo";
export const look = "Look";
export const remove = "Remove";
export const and = "and";
export const optional = "Optional";
export const loading = "Loading";
export const required = "This is needed.";
export const tryAgain = "Try again";
export const signOut = "Sign out";
export const offlineTitle = "No connection";
export const brokenTitle = "That did not work";
export const showPassword = "Show the password";
export const unread = (count) => `${count} unread`;

const inTime = (seconds) => (seconds < 90 ? many(seconds, "second", "seconds") : seconds < 5400 ? many(Math.round(seconds / 60), "minute", "minutes") : many(Math.round(seconds / 3600), "hour", "hours"));

// By the last word of a problem's type; where nothing stands here, the server's own sentence is shown. `wait` adds when to come back.
export const problems = {
  wait: (said, seconds) => `${said} Try again in ${inTime(seconds)}.`,
  too_many: "That was a lot in a short time.",
  slow_mode: "The host wants the chat slow.",
  restricted: "Your settings say that this is not kept.",
  network: "The server cannot be reached. Look at your connection; nothing is lost.",
  unknown: "Something went wrong. Please try again.",
  internal: "Something went wrong on our side. Please try again in a moment.",
  underage: "The service is for people of 18 and older. Nothing that you typed was kept.",
  wrong_login: "This name and password do not belong together.",
  wrong_code: "That code is not right, or it has expired.",
  username_taken: "Somebody has this username, or one that looks like it.",
  contact_taken: "There is an account with this email or phone number. Sign in instead, or use others.",
  suspended: "This account is suspended.",
  comments_limited: "The owner chose who may comment here.",
  too_many_comments: "You wrote as much here as one person may.",
  not_friends: "Only friends may write to this person. Send a friend request first.",
  policy_declined: "You declined the policy. Accept it to go on.",
};

export const nav = {
  feed: "Feed",
  discover: "Discover",
  live: "Live",
  goLive: "Go live",
  messages: "Messages",
  me: "Me",
  people: "Friends",
  policies: "Policies",
  claim: "Report an infringement",
  api: "API",
  staff: "Staff",
};

export const nowhere = {
  title: "There is no such page",
  text: "The address may be mistyped, or what was here has gone.",
};
