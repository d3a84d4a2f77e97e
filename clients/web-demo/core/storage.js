// IndexedDB with promises: one database for each account that has signed in on this browser.
const VERSION = 2;
let opened = { name: null, database: null };

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function make({ target: { result: database }, oldVersion }) {
  // Images, voice and videos that came with messages: the server forgets them once every device has them.
  if (oldVersion < 2) database.createObjectStore("media", { keyPath: "id" }).createIndex("conversation", "conversation");
  if (oldVersion >= 1) return;
  database.createObjectStore("conversations", { keyPath: "id" });
  const messages = database.createObjectStore("messages", { keyPath: ["conversation", "key"] });
  messages.createIndex("order", ["conversation", "order"]);
  messages.createIndex("pending", "pending");
  // Only what has a number has an id: edits, deletions and reactions name it.
  messages.createIndex("id", ["conversation", "id"]);
}

const nameFor = (account) => `livecore.${account.id}`;

async function database(account) {
  const name = nameFor(account);
  if (opened.name !== name) {
    opened.database?.then((one) => one.close());
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = make;
    opened = { name, database: done(request) };
  }
  return opened.database;
}

/**
 * Runs `work({store name: store})` in one transaction and answers its result after the commit, not before:
 * what is acknowledged to the server after this has been kept.
 */
export async function transaction(account, mode, names, work) {
  const base = await database(account);
  const running = base.transaction(names, mode, { durability: "strict" });
  const committed = new Promise((resolve, reject) => {
    running.oncomplete = resolve;
    running.onabort = () => reject(running.error ?? new Error("the browser could not keep this"));
  });
  const stores = Object.fromEntries(names.map((name) => [name, running.objectStore(name)]));
  const result = await work(stores);
  await committed;
  return result;
}

export { done };

/** Everything kept for an account on this browser, gone. */
export async function forget(account) {
  if (opened.name === nameFor(account)) {
    (await opened.database).close();
    opened = { name: null, database: null };
  }
  await done(indexedDB.deleteDatabase(nameFor(account)));
}
