// The words of the interface, in the reader's language where there is a file for it.
import { en } from "../i18n/en.js";

const languages = { en };
const wanted = (navigator.languages ?? ["en"]).map((tag) => tag.split("-")[0]);

export const language = wanted.find((tag) => tag in languages) ?? "en";
export const t = languages[language];

/** How dates and numbers are written: the reader's own region, where it is of that language. */
export const locale = (navigator.languages ?? []).find((tag) => tag.split("-")[0] === language) ?? language;
