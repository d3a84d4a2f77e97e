// How long a live has been on, counted every second from the server's start time.
import { span } from "../core/times.js";

export function duration(node, startedMs, life) {
  const draw = () => (node.textContent = span((Date.now() - startedMs) / 1000));
  draw();
  const timer = setInterval(draw, 1000);
  life.addEventListener("abort", () => clearInterval(timer));
  return () => clearInterval(timer);
}
