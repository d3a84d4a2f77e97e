// Paths to pages. A page is a module whose default export answers { title, node, … }; see `open` for the rest.
import { signedIn } from "./session.js";
import { t } from "./text.js";
import { toast } from "./toast.js";
import { broken } from "../parts/empty.js";

const routes = [];
let current = { life: null, path: null };
let frame = null;

/**
 * `pattern` as in web.py: `/watch/{live}`. Options: `open` (reachable without an account), `guest` (only without one),
 * `bare` (no bar on a phone), `nav` (which entry is lit).
 */
export function route(pattern, load, options = {}) {
  const names = [];
  const source = pattern.replace(/\{(\w+)\}/g, (_, name) => (names.push(name), "([^/]+)"));
  routes.push({ pattern, expression: new RegExp(`^${source}/?$`), names, load, ...options });
}

function find(path) {
  for (const one of routes) {
    const found = one.expression.exec(path);
    if (found) return { ...one, params: Object.fromEntries(one.names.map((name, i) => [name, decodeURIComponent(found[i + 1])])) };
  }
  return null;
}

/**
 * Starts the router inside `main`; `onchange(route)` is told before each page is drawn, `ondrawn(ms, cold)` once it has what it is for:
 * so long after it was asked for, and whether the document was loaded for it.
 */
export function start(main, onchange, ondrawn) {
  frame = { main, onchange, ondrawn };
  addEventListener("popstate", () => open());
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin || !find(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
  return open();
}

/** To a path; `replace` leaves no step to come back to. */
export function go(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  return open();
}

export function back(otherwise = "/") {
  if (history.length > 1 && current.path) history.back();
  else go(otherwise, { replace: true });
}

async function open() {
  const path = location.pathname;
  const found = find(path) ?? { params: {}, load: () => import("../pages/nowhere.js"), open: true };
  if (!signedIn() && !found.open && !found.guest) {
    return go(`/signin?next=${encodeURIComponent(path + location.search + location.hash)}`, { replace: true });
  }
  if (signedIn() && found.guest) return go("/", { replace: true });

  const cold = !current.life;
  const began = cold ? 0 : performance.now();
  current.life?.abort();
  const life = new AbortController();
  current = { life, path };
  frame.onchange(found);
  try {
    const module = await found.load();
    if (life.signal.aborted) return;
    const page = module.default({ params: found.params, query: new URLSearchParams(location.search), life: life.signal });
    document.title = page.title ? `${page.title} · ${t.name}` : t.name;
    frame.main.replaceChildren(page.node);
    if (!page.node.contains(document.activeElement)) frame.main.focus({ preventScroll: true });
    Promise.resolve(page.ready).then(
      () => life.signal.aborted || frame.ondrawn(performance.now() - began, cold),
      (error) => failed(error, life.signal),
    );
  } catch (error) {
    failed(error, life.signal);
  }
}

/** A page that could not be drawn says so in words and offers a way on. */
function failed(error, life) {
  if (life.aborted || error.name === "AbortError") return;
  if (error.type) frame.main.replaceChildren(broken(error, () => open()));
  else {
    toast(t.problems.unknown, { bad: true });
    throw error;
  }
}
