// The entry: pages and paths, the frame, the live link.
import { route, start, go } from "./core/router.js";
import { signedIn, watchSession } from "./core/session.js";
import { drawn, opened, startTelemetry } from "./core/telemetry.js";
import { t } from "./core/text.js";
import { complain, toast } from "./core/toast.js";
import { startCalls } from "./calls/incoming.js";
import { startInbox } from "./messages/inbox.js";
import { startNav } from "./parts/nav.js";
import { startNotices } from "./parts/notices.js";
import { startLink } from "./realtime/link.js";

const page = (name) => () => import(`./pages/${name}.js`);

route("/", page("feed"), { nav: "feed" });
route("/signup", page("signup"), { guest: true, bare: true });
route("/signin", page("signin"), { guest: true, bare: true });
route("/forgot", page("forgot"), { guest: true, bare: true });
route("/verify", page("verify"), { bare: true });
route("/discover", page("discover"), { nav: "discover" });
route("/live", page("live"), { nav: "live", bare: true });
route("/upload", page("upload"), { nav: "live" });
route("/watch/{live}", page("watch"), { bare: true });
route("/guest/{live}", page("guest"), { bare: true });
route("/video/{video}", page("video"), { bare: true });
route("/video/{video}/insights", page("insights"), { nav: "me" });
route("/post/{post}/insights", page("insights"), { nav: "me" });
route("/live/{live}/insights", page("insights"), { nav: "me" });
route("/post/{post}", page("post"), { bare: true });
route("/search", page("search"), { nav: "discover" });
route("/messages", page("messages"), { nav: "messages" });
route("/messages/{conversation}", page("messages"), { nav: "messages", bare: true });
route("/call/{call}", page("call"), { nav: "messages", bare: true });
route("/join/{token}", page("join"), { nav: "messages" });
route("/people", page("people"), { nav: "me" });
route("/meet", page("meet"), { nav: "discover" });
route("/contacts", page("contacts"), { nav: "discover" });
route("/friend/{token}", page("friend"), { nav: "me" });
route("/u/{username}", page("user"), { nav: "discover" });
route("/me", page("me/index"), { nav: "me" });
for (const section of ["profile", "privacy", "settings", "devices", "password", "two-factor", "data", "notices", "activity", "counter"]) route(`/me/${section}`, page(`me/${section}`), { nav: "me" });
route("/policies", page("policies"), { open: true });
route("/policies/{kind}", page("policy"), { open: true });
route("/claim", page("claim"), { open: true });
route("/claim/{claim}", page("claim-status"), { open: true });
route("/staff", page("staff/index"), { nav: "me" });
route("/staff/claims/{item}", page("staff/claim"), { nav: "me" });
route("/staff/reports/{item}", page("staff/report"), { nav: "me" });
route("/staff/{section}", page("staff/index"), { nav: "me" });

const app = document.getElementById("app");
const light = startNav(document.getElementById("nav"));
const frame = () => app.classList.toggle("signed-out", !signedIn());

frame();
watchSession((account) => {
  frame();
  if (!account && !["/signin", "/signup", "/forgot"].includes(location.pathname)) go("/signin", { replace: true });
});
startInbox();
startNotices();
startCalls();
startLink();
startTelemetry();
start(document.getElementById("main"), (found) => {
  app.classList.toggle("bare", Boolean(found.bare) || !signedIn());
  light(found.nav ?? null);
  opened(found.pattern);
}, drawn);
addEventListener("offline", () => toast(t.problems.network, { bad: true }));
// What a page did not catch is said in words all the same; anything but an answer of the server stays an error of ours.
addEventListener("unhandledrejection", (event) => {
  if (!event.reason?.type && event.reason?.name !== "AbortError") return;
  event.preventDefault();
  complain(event.reason);
});
