// What the server says when it says no (RFC 9457), as an Error whose message is fit for a person.
import { t } from "./text.js";

export class Problem extends Error {
  /** `type` is the last word of the problem's URI; `errors` names fields; `retryAfter` is seconds or null. */
  constructor({ status = 0, type = "network", title = "", detail = "", errors = [], retryAfter = null, body = {} }) {
    const said = t.problems[type] ?? (detail || title || t.problems.unknown);
    super(status === 429 && retryAfter ? t.problems.wait(said, retryAfter) : said);
    Object.assign(this, { status, type, title, detail, errors, retryAfter, body });
  }

  /** The sentence for one field, or null. */
  of(field) {
    return this.errors.find((one) => one.field === field || one.field.startsWith(`${field}.`))?.reason ?? null;
  }
}

const lastWord = (uri) => String(uri ?? "").split("/").pop();

export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return fromDocument({ status: response.status, ...body }, Number(response.headers.get("Retry-After")) || null);
}

/** From a problem document: an answer's body, or the `error` of a Socket.IO acknowledgement. */
export function fromDocument(body, retryAfter = null) {
  return new Problem({
    status: body.status ?? 0,
    type: lastWord(body.type) || "unknown",
    title: body.title,
    detail: body.detail,
    errors: body.errors ?? [],
    retryAfter: retryAfter ?? body.retry_after ?? null,
    body,
  });
}

export const offline = () => new Problem({ type: "network" });
