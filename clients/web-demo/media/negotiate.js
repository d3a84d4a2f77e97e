// What WHIP (RFC 9725) and WHEP share: one offer up, one answer down, a resource that is deleted on leaving.
import { offline, problemOf } from "../core/problem.js";

// The server is ICE-lite and has one address: our own candidates are learned from our checks, so there is little to wait for.
const GATHER_MS = 150;
// A handshake over a slow phone's network takes three; the server waits for fifteen.
const SETTLE_MS = 12_000;

const gathered = (peer) =>
  new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });

/** Asks for AV1's dependency descriptor, which browsers know and do not ask for: without it viewers see the smallest of a stream's sizes. */
export function describe(transceiver, direction) {
  const headers = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  for (const one of headers) if (one.uri.includes("dependency-descriptor")) one.direction = direction;
  if (headers.length) transceiver.setHeaderExtensionsToNegotiate(headers);
}

export const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(new DOMException("left", "AbortError"))), { once: true });
  });

/**
 * Sends the peer's offer to `endpoint` and sets the answer. 409 and 503 with Retry-After are tried again while `signal` lives;
 * `onwait(problem)` hears of each. Answers the session's address, for `leave`, and the relays that the server names: they cost time, so
 * a connection is tried without them first.
 */
export async function negotiate(peer, endpoint, { bearer, signal, onwait = () => {} }) {
  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  for (;;) {
    signal?.throwIfAborted();
    const authorization = await bearer();
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", ...(authorization && { Authorization: `Bearer ${authorization}` }) },
      body: peer.localDescription.sdp,
      signal,
    }).catch((error) => {
      throw error.name === "AbortError" ? error : offline();
    });
    if (response.status === 201) {
      const place = new URL(response.headers.get("Location"), response.url).href;
      const answer = await response.text();
      if (peer.signalingState === "closed") {
        leave(place, authorization);
        throw new DOMException("left", "AbortError");
      }
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
      return { place, servers: serversOf(response.headers.get("Link") ?? "") };
    }
    const problem = await problemOf(response);
    if (!problem.retryAfter || ![409, 503].includes(response.status)) throw problem;
    onwait(problem);
    await pause(problem.retryAfter * 1000, signal);
  }
}

/** ICE servers from `Link` values (RFC 9725, section 4.6). */
function serversOf(link) {
  const found = [];
  for (const [, urls, rest] of link.matchAll(/<([^>]+)>\s*;\s*([^<]*)/g)) {
    if (!/rel="?ice-server"?/.test(rest)) continue;
    const of = (name) => rest.match(new RegExp(`${name}="([^"]*)"`))?.[1];
    found.push({ urls, ...(of("username") && { username: of("username"), credential: of("credential") }) });
  }
  return found;
}

/** Tells the server that we are gone; also while the page is closing (`keepalive`). */
export function leave(place, bearer) {
  if (!place) return;
  fetch(place, { method: "DELETE", headers: bearer ? { Authorization: `Bearer ${bearer}` } : {}, keepalive: true }).catch(() => null);
}

/** Resolves true when connected; false when it failed, closed, or took longer than any way does that there is: a browser itself may wait for ever. */
export const settled = (peer) =>
  new Promise((resolve) => {
    const late = setTimeout(resolve, SETTLE_MS, false);
    const look = () => {
      const found = { connected: true, failed: false, closed: false }[peer.connectionState];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    };
    peer.addEventListener("connectionstatechange", look);
    look();
  });
