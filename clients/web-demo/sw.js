// Wakes up when the server says that something waits. A push has no content, so the words stand in this file's own address.
const words = new URL(self.location.href).searchParams;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const pages = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

self.addEventListener("push", (event) => {
  // One at a time: a second takes the place of the first.
  event.waitUntil(
    self.registration.showNotification(words.get("title") ?? "livecore", { body: words.get("body") ?? "", tag: "waiting", icon: words.get("icon") ?? undefined }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    pages().then((open) => {
      const page = open.find((one) => one.visibilityState === "visible") ?? open[0];
      return page ? page.focus().then((one) => one.navigate("/messages")) : self.clients.openWindow("/messages");
    }),
  );
});
