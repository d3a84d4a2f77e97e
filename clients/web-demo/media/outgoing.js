// Files that are on their way, kept in IndexedDB until they have arrived: an upload goes on after a reload by itself.
import { done } from "../core/storage.js";

const STORE = "outgoing";
// A larger file is not copied into the browser's store: after a reload its owner picks it again.
const KEEP_BYTES = 1 << 30;
let opened = null;

function database(account) {
  const name = `livecore.outgoing.${account.id}`;
  if (opened?.name !== name) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "path" });
    opened = { name, base: done(request) };
  }
  return opened.base;
}

const store = async (account, mode) => (await database(account)).transaction(STORE, mode).objectStore(STORE);

/** Puts one entry there, and answers once that is committed: a reload in the same moment finds it. */
async function put(account, entry) {
  const kept = await store(account, "readwrite");
  const committed = new Promise((resolve, reject) => {
    kept.transaction.oncomplete = resolve;
    kept.transaction.onabort = () => reject(kept.transaction.error ?? new Error("the browser could not keep this"));
  });
  await done(kept.put(entry)).catch(() => null);
  await committed;
}

/** `entry`: { path, file, title }; what is needed to know the file again is noted beside it. */
export async function keep(account, { path, file, title }) {
  const facts = { path, title, name: file.name, size: file.size, modified: file.lastModified };
  await put(account, { ...facts, file: file.size <= KEEP_BYTES ? file : null }).catch(() => put(account, { ...facts, file: null }));
}

export const list = async (account) => done((await store(account, "readonly")).getAll());
export const forget = async (account, path) => done((await store(account, "readwrite")).delete(path));
export const isSame = (entry, file) => entry.name === file.name && entry.size === file.size && entry.modified === file.lastModified;
