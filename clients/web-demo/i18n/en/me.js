// Oneself: profile, settings, privacy, devices, data.
import { many } from "./many.js";

export const me = {
  edit: "Edit profile",
  videos: "Your videos",
  settings: "Settings",
  devices: "Devices",
  password: "Password",
  data: "Your data",
  noVideosTitle: "No videos yet",
  noVideosText: "Upload one, or go live and keep the recording: it is here a moment later.",
};

export const profile = {
  name: "Profile name",
  nameHint: (name) => `Shown instead of ${name}`,
  changePicture: "Change picture",
  removePicture: "Remove",
  pictureHint: "A photo. Where and when it was taken is removed from it.",
  pictureSaved: "Your picture is new.",
  status: "Status",
  statusHint: "A line under your name",
  interests: "Interests",
  interestsHint: "Up to ten words, with commas: chess, hiking",
  languages: "Languages",
  languagesHint: "As codes: de, en",
  region: "Region",
  regionHint: "A country or a part of one: AT, AT-9",
  whoSees: "You decide who sees what, in the",
  saved: "Your profile is saved.",
};

export const status = {
  title: "How I am seen",
  seenAs: "Others see me as",
  kinds: { online: "Here, while I am", away: "Away", busy: "Busy", invisible: "Invisible: as if I were not here" },
  hint: "Stands until you change it, on all your devices. Who may see it is in the settings.",
  words: "A few words",
  example: "In a meeting until four",
  done: "Saved",
};

export const settings = {
  saved: "Saved.",
  labels: {},
  groups: { visibility: "Who sees what", reach: "Who reaches me", data: "What is done with my data", notifications: "What I am told" },
  choices: { everyone: "Everyone", contacts: "Contacts", friends: "Friends", nobody: "Nobody" },
};

export const privacy = {
  title: "Data and privacy",
  why: {
    restrict: "Nothing is used for statistics, suggestions, trials or news. Everything else works.",
    personalised: "Off: the feed and lives come plainly by time.",
    usage_data: "Which pages you open and how fast they are; not whose page or which live. This browser sends it now and then. Kept for 90 days, in your export.",
    diagnostics: "What went wrong, without secrets, numbers and addresses. This browser sends it when a page breaks.",
    marketing: "By mail, seldom. Off unless you switch it on.",
  },
  factsTitle: "Facts of your devices",
  factsText: "What apps told of the devices that they run on. Each of the eleven facts may be withheld; this page tells none by itself.",
  tellTitle: "Tell facts of this browser",
  tell: "Tell what is ticked",
  noFacts: "Nothing is kept.",
  facts: {
    hardware_model: "Model",
    os_version: "System",
    memory_mb: "Memory (MB)",
    advertising_id: "Advertising id",
    app_id: "Installation id",
    apps_installed: "Apps",
    device_id: "Device id",
    browser: "Browser",
    language: "Language",
    battery: "Battery",
    time_zone: "Time zone",
  },
  otherDevice: "Another device",
  dropAdvertising: "Delete the advertising id",
  dropFacts: "Delete all facts",
  dropped: "Deleted.",
  experimentsTitle: "What is being tried",
  experimentsText: "Some people see a new variant of something first. You always see the same one.",
  noExperiments: "You are in no experiment.",
  all: "Who sees and reaches you stands in the",
};

export const devices = {
  intro: "Where you are signed in. Ending one takes effect within a second.",
  unknown: "A device",
  used: (when) => `Used ${when}`,
  online: "Here now",
  here: "This one",
  end: "Sign out",
  ended: "That device is signed out.",
};

export const push = {
  label: "Tell me when the page is closed",
  why: "For this browser. The notice itself says nothing: not who wrote, and not what.",
  title: "livecore",
  body: "Something new is waiting for you.",
  on: "This browser will tell you.",
  off: "This browser stays quiet.",
  denied: "Your browser does not let this page show notices. Allow them in its settings first.",
  unreachable: "Your browser's push service cannot be reached.",
};

export const activity = {
  title: "Activity",
  intro: "What happened on your account. Something here that was not you? Change your password: that signs all other devices out.",
  kinds: {
    sign_up: ({ device }) => `The account was made on ${device}.`,
    sign_in: ({ device, network }) => `Signed in on ${device}${network ? `, from ${network}` : ""}.`,
    sign_in_failed: ({ network }) => `Somebody tried to sign in and failed${network ? `, from ${network}` : ""}.`,
    sign_out: () => "Signed out.",
    email_confirmed: () => "The mail address was confirmed.",
    phone_confirmed: () => "The phone number was confirmed.",
    email_change_asked: () => "A new mail address was given, and waits to be confirmed.",
    phone_change_asked: () => "A new phone number was given, and waits to be confirmed.",
    password_changed: () => "The password was changed.",
    two_factor_on: () => "The second factor was switched on.",
    two_factor_off: () => "The second factor was switched off.",
    recovery_code_used: ({ left }) => `A recovery code was used; ${left} are left.`,
    profile_changed: () => "The profile was changed.",
    picture_changed: () => "The picture was changed.",
    picture_removed: () => "The picture was removed.",
    settings_changed: () => "Settings were changed.",
    deletion_asked: () => "Deleting the account was asked for.",
    deletion_cancelled: () => "The account was kept after all.",
    suspended: () => "The account was suspended.",
    reinstated: () => "The account was opened again.",
    friend_asked: ({ other }) => `You asked ${other} to be friends.`,
    befriended: ({ other }) => `${other} and you became friends.`,
    friend_removed: ({ other }) => `You ended the friendship with ${other}.`,
    followed: ({ other }) => `You followed ${other}.`,
    unfollowed: ({ other }) => `You followed ${other} no longer.`,
    blocked: ({ other }) => `You blocked ${other}.`,
    unblocked: ({ other }) => `You unblocked ${other}.`,
    contacts_synced: ({ added, removed }) => `Your address book was given: ${added} numbers added, ${removed} removed.`,
    contacts_deleted: () => "Your address book was deleted here.",
    reported: () => "You reported something.",
    live_created: () => "You went live.",
  },
};

export const password = {
  intro: "Changing it signs all your other devices out.",
  current: "Present password",
  done: "Your password is changed.",
};

export const twoFactor = {
  title: "Second factor",
  intro: "With a second factor, signing in takes your password and a code of an app on your phone.",
  begin: "Set it up",
  enter: "Put this secret into your authenticator app, then enter the code that it shows.",
  openApp: "Open in the app",
  keep: "Keep these codes somewhere safe. Each works once instead of a code of the app, and they are not shown again.",
  kept: "I have kept them",
  on: "On",
  left: (count) => `${many(count, "recovery code", "recovery codes")} left`,
  off: "Switch it off",
  isOff: "The second factor is off.",
};

export const data = {
  exportTitle: "Take your data with you",
  exportText: "Everything that we hold about you, as one file: your profile, settings, friends, videos and more.",
  request: "Prepare the file",
  making: "Your file is being put together. You can stay or come back.",
  ready: "Your file is ready",
  until: (when) => `until ${when}`,
  failed: "The file could not be made. Please try again later.",
  deleteTitle: "Delete the account",
  deleteText: "What happens, and when:",
  deleteSteps: [
    "At once: you are signed out everywhere, and nobody sees your profile, videos and lives any more.",
    "For some days you can sign in again and keep the account.",
    "After that the key that sealed your data is destroyed. Then nobody can read it any more, not even in backups.",
    "Your username is not given to anybody else.",
  ],
  delete: "Delete my account",
  deleteSure: "Give your password to confirm.",
  deleteNow: "Delete the account",
  deletedOn: (day) => `Your account is deleted on ${day}. Sign in before that if you change your mind.`,
};
