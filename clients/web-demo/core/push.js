// Whether this browser is woken while the page is closed (Web Push). Only the address of the browser's push service is told to the server.
import { get, put, remove } from "./http.js";
import { Problem } from "./problem.js";
import { t } from "./text.js";

export const supported = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

function worker() {
  const words = new URLSearchParams({ title: t.push.title, body: t.push.body, icon: "/favicon.ico" });
  return navigator.serviceWorker.register(`/sw.js?${words}`, { scope: "/" });
}

/** Whether it is on: here and at the server. */
export async function isOn() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return Boolean(await registration?.pushManager.getSubscription()) && (await get("me/push")).subscribed;
}

/** Ask the person, then the browser's push service, then tell the server. Throws a Problem whose message is fit for a person. */
export async function switchOn() {
  if ((await Notification.requestPermission()) !== "granted") throw new Problem({ type: "push_denied", detail: t.push.denied });
  await worker();
  const registration = await navigator.serviceWorker.ready;
  const { key } = await get("me/push");
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) }).catch(() => {
    throw new Problem({ type: "push_unreachable", detail: t.push.unreachable });
  });
  const { endpoint, expirationTime } = subscription.toJSON();
  await put("me/push", { endpoint, expirationTime });
}

export async function switchOff() {
  await remove("me/push");
  const registration = await navigator.serviceWorker.getRegistration("/");
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
}
