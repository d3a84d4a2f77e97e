// Times as people say them. Servers send Unix milliseconds or ISO 8601 text; both are taken.
import { locale } from "./text.js";

const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const fullDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "long" });

/** A day without a time ("2026-11-24") is that day wherever the reader is. */
export const toDate = (value) => new Date(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value);
export const clockTime = (value) => clock.format(toDate(value));
export const fullDate = (value) => fullDay.format(toDate(value));
export const dateAndTime = (value) => full.format(toDate(value));

/** A day of any year ("05-17"), as a birthday is told. */
export const dayOfYear = (value) => day.format(new Date(`2000-${value}T00:00`));

/** "now", "5 min. ago", "yesterday", "3 Mar". */
export function ago(value, at = Date.now()) {
  const seconds = Math.round((toDate(value).getTime() - at) / 1000);
  const past = Math.abs(seconds);
  if (past < 45) return relative.format(0, "second");
  if (past < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (past < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  if (past < 7 * 86400) return relative.format(Math.round(seconds / 86400), "day");
  return day.format(toDate(value));
}

/** For the head of a day in a chat: "today", "yesterday", "Monday", "3 March 2026". */
export function dayName(value, at = Date.now()) {
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(value) - midnight(at)) / 86400000);
  if (days > -2) return relative.format(days, "day");
  return days > -7 ? weekday.format(toDate(value)) : fullDate(value);
}

/** 75 → "1:15", 3675 → "1:01:15". */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
export const shortNumber = (number) => compact.format(number ?? 0);

const sizes = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
export function bytes(count) {
  if (count >= 1e9) return `${sizes.format(count / 1e9)} GB`;
  return count >= 1e6 ? `${sizes.format(count / 1e6)} MB` : `${sizes.format(Math.max(1, count / 1e3))} kB`;
}
