// Sending a file by tus 1.0: in slices, from where the server says that it is, again after whatever went wrong in between.
import { request } from "../core/http.js";

const SLICE_BYTES = 4 << 20;
// Between tries after a network that is away, a server that restarts: the last one goes on for ever.
const AGAIN_MS = [500, 1000, 2000, 5000, 10_000];
const TUS = { "Tus-Resumable": "1.0.0" };

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const related = (response) => response.headers.get("Link")?.match(/<([^>]+)>/)?.[1] ?? null;
const isPassing = (error) => !error.status || error.status >= 500 || [409, 423, 429].includes(error.status);

/** Begins an upload; answers its path and what everybody should know before sharing. `words`: purpose, filename, title, … */
export async function begin(size, words) {
  const said = Object.entries(words).filter(([, value]) => value).map(([key, value]) => `${key} ${base64(value)}`);
  const response = await request("POST", "/uploads", { headers: { ...TUS, "Upload-Length": String(size), "Upload-Metadata": said.join(",") } });
  return { path: response.headers.get("Location"), notice: (await response.json()).sharing_notice };
}

/**
 * Sends what is missing of `file` to the upload at `path` and answers the path of what it became.
 * `onsent(bytes)` after each slice; throws a Problem when the server refuses for good, an AbortError when `signal` ends it.
 */
export async function send(path, file, { onsent, signal }) {
  for (let tries = 0; ; tries += 1) {
    signal.throwIfAborted();
    try {
      const head = await request("HEAD", path, { headers: TUS, signal });
      let offset = Number(head.headers.get("Upload-Offset"));
      let resource = related(head);
      onsent(offset);
      while (!resource) {
        const slice = file.slice(offset, offset + SLICE_BYTES);
        const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
        const response = await request("PATCH", path, { headers, body: slice, signal });
        offset = Number(response.headers.get("Upload-Offset"));
        resource = related(response);
        onsent(offset);
        tries = 0;
      }
      return resource;
    } catch (error) {
      if (error.name === "AbortError" || !isPassing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]));
    }
  }
}

/** Forgets an upload. */
export const drop = (path) => request("DELETE", path, { headers: TUS }).catch(() => null);
