// English, by pages: `t.feed.title` is `feed` of one of these files. A value that is a function takes what its sentence needs.
import * as shell from "./en/shell.js";
import * as enter from "./en/enter.js";
import * as feed from "./en/feed.js";
import * as people from "./en/people.js";
import * as live from "./en/live.js";
import * as messages from "./en/messages.js";
import * as me from "./en/me.js";
import * as trust from "./en/trust.js";

export const en = { ...shell, ...enter, ...feed, ...people, ...live, ...messages, ...me, ...trust };
