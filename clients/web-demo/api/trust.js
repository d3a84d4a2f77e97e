// Policies, claims, reports, and what staff do with them.
import { get, post } from "../core/http.js";

export const policy = (kind) => get(`policies/${kind}`, { public: true });
export const versions = (kind) => get(`policies/${kind}/versions`, { public: true });
/** What one accepted or declined, newest first. */
export const acceptances = () => get("me/policies");
export const accept = (kind, version) => post(`policies/${kind}/accept`, { version });
export const decline = (kind) => post(`policies/${kind}/decline`, {});
export const notices = (cursor = null) => get("me/notices", { query: { limit: 50, cursor } });
export const readNotices = () => post("me/notices/read", {});
export const counter = (claim, fields) => post(`claims/${claim}/counter-notice`, fields);

export const agent = () => get("ip/agent", { public: true });

/** From the form's flat values to a claim; what is empty is left out, so that the answer names it. */
export function asClaim({ work, target, good_faith, accuracy, signature, ...rest }) {
  const given = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value));
  const contact = given({ name: rest["contact.name"], email: rest["contact.email"], address: rest["contact.address"], phone: rest["contact.phone"] });
  return { kind: "copyright", contact, ...given({ work, signature, good_faith, accuracy, target: target && { url: target } }) };
}

export const claim = (fields) => post("claims", fields, { public: true });
export const claimStatus = (id, token) => get(`claims/${id}`, { public: true, query: { token } });
export const confirmClaim = (id, code) => post(`claims/${id}/confirm`, { code }, { public: true });
export const report = ({ target, reason, details, block }) => post("reports", { target, reason, block, ...(details && { details }) });

export const claims = (cursor = null) => get("admin/claims", { query: { limit: 50, cursor } });
export const claimForStaff = (id) => get(`admin/claims/${id}`);
export const decide = (id, decision) => post(`admin/claims/${id}/decision`, decision);
export const holds = () => get("admin/holds");
export const askHold = (fields) => post("admin/holds", fields);
export const approveHold = (id) => post(`admin/holds/${id}/approve`, {});
export const endHold = (id, reason) => post(`admin/holds/${id}/end`, { reason });
export const reports = (cursor = null) => get("admin/reports", { query: { limit: 50, cursor } });
export const reportForStaff = (id) => get(`admin/reports/${id}`);
export const decideReport = (id, decision) => post(`admin/reports/${id}/decision`, decision);
