// The call that this tab is in: made here or answered here. Others of this profile's tabs have none.
import { go } from "../core/router.js";
import { complain } from "../core/toast.js";
import { emit } from "../realtime/link.js";

let held = null;

/** `{ call, peer, video, live }`; `live` is null while it rings. */
export const present = (call) => (held?.call === call ? held : null);
export const busy = () => held !== null;

/** Ring somebody, and go to the page of the call. */
export async function ring(peer, video) {
  try {
    const { call, live } = await emit("call:start", { user: peer.username, video });
    held = { call, peer, video, live };
    await go(`/call/${call}`);
  } catch (error) {
    complain(error);
  }
}

/** Answer a call that rings. */
export async function answer({ call, from, video }) {
  try {
    const live = await emit("call:accept", { call });
    held = { call, peer: from, video, live };
    await go(`/call/${call}`);
  } catch (error) {
    complain(error);
  }
}

export function over(call) {
  if (held?.call === call) held = null;
}

export const hangUp = (call) => emit("call:end", { call }).catch(() => null);
