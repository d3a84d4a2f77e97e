// Two people in a live of their own (a call, a meeting): there is something to watch once the other publishes.
import { emit, on } from "../realtime/link.js";

/** Resolves when `publication` of the live is there; without word from the server at once, since watching waits by itself then. */
export function whenPublished(live, publication, life) {
  return new Promise((resolve) => {
    const look = (publications) => publications.some((one) => one.id === publication) && resolve();
    const join = () => emit("live:join", { live }).then((state) => look(state.publications), resolve);
    on("live:publications", (data) => data.live === live && look(data.publications), life);
    on("link", (state) => state === "on" && join(), life);
    life.addEventListener("abort", () => emit("live:leave", { live }).catch(() => null));
    join();
  });
}
