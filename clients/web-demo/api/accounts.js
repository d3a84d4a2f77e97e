// Accounts, sessions, the profile and its settings.
import { get, patch, post, put, remove, request } from "../core/http.js";
import { begin, device, updateAccount } from "../core/session.js";
import { learn } from "../core/telemetry.js";

export const config = () => get("/api/v1/config", { public: true });

export async function signUp(fields) {
  const made = await post("accounts", { ...fields, device: device() }, { public: true });
  begin(made);
  return made.account;
}

export async function signIn({ login, password, code }) {
  const made = await post("sessions", { login, password, device: device(), ...(code && { code }) }, { public: true });
  begin(made);
  return made.account;
}

export async function verify(channel, code) {
  updateAccount((await post("accounts/verify", { channel, code })) ?? {});
  return me();
}

export const resend = (channel) => post("accounts/verify/resend", { channel });
export const forgot = (login) => post("password/forgot", { login }, { public: true });
export const reset = (fields) => post("password/reset", fields, { public: true });
export const changePassword = (fields) => put("me/password", fields);

export async function me() {
  const who = await get("me");
  updateAccount(who);
  return who;
}

export async function editMe(changes, of) {
  const who = await patch("me", changes, { of });
  updateAccount(who);
  return who;
}

export async function putAvatar(file) {
  await request("PUT", "me/avatar", { body: file, headers: { "Content-Type": file.type || "application/octet-stream" } });
  return me();
}

export async function removeAvatar() {
  await remove("me/avatar");
  return me();
}

export const twoFactor = () => get("me/two-factor");
export const enrolTwoFactor = (password) => post("me/two-factor", { password });
export const confirmTwoFactor = (code) => post("me/two-factor/confirm", { code });
export const dropTwoFactor = (password) => request("DELETE", "me/two-factor", { body: { password } });

export const settings = () => get("me/settings").then(learn);
export const setSettings = (changes, of) => patch("me/settings", changes, { of }).then(learn);
export const deviceFacts = () => get("me/device-facts");
export const dropDeviceFacts = () => remove("me/device-facts");
export const dropAdvertisingId = () => remove("me/device-facts/advertising-id");
export const experiments = () => get("me/experiments");
/** Facts of this device; what is left out is withheld, and goes where it was told before. */
export const tellDeviceFacts = (facts) => put("me/device-facts", facts);
export const activity = (cursor = null) => get("me/activity", { query: { limit: 30, cursor } });
export const sessions = () => get("me/sessions");
export const signOut = () => remove("me/session");
export const endSession = (id) => remove(`me/sessions/${id}`);
export const requestExport = () => post("me/exports");
export const getExport = (id) => get(`me/exports/${id}`);
export const deleteMe = (password) => request("DELETE", "me", { body: { password } }).then((response) => response.json());
