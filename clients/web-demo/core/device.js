// What a browser can tell of the machine that it runs on.
import { onceKey } from "./once.js";

const KEY = "livecore.installation";

const system = () => /\(([^)]+)\)/.exec(navigator.userAgent)?.[1].slice(0, 200) ?? null;
const browser = () => /(Firefox|Edg|Chrome|Version)\/[\d.]+/.exec(navigator.userAgent)?.[0].replace("/", " ").replace("Version", "Safari") ?? null;
const battery = () => navigator.getBattery?.().then(({ level }) => Math.round(level * 100) / 100, () => null) ?? null;

/** An id of this installation, made when it is first looked at. */
function installation() {
  let id = localStorage.getItem(KEY);
  if (!id) localStorage.setItem(KEY, (id = onceKey()));
  return id;
}

/** By the names of `PUT /me/device-facts`; what this browser does not know is left out. */
export async function ownFacts() {
  const facts = {
    os_version: system(),
    browser: browser(),
    memory_mb: navigator.deviceMemory ? navigator.deviceMemory * 1024 : null,
    language: navigator.language,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    battery: await battery(),
    app_id: installation(),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null && value !== undefined));
}
