// One Socket.IO connection: a fresh token at each try, acknowledgements as promises.
import { fromDocument, offline } from "../core/problem.js";
import { end, token } from "../core/session.js";
import { vendor } from "../core/vendor.js";

const ACK_TIMEOUT_MS = 10_000;
// Short, so that a chat is soon back; spread by chance, so that a server that starts is not met by everybody at once.
const LONGEST_PAUSE_MS = 5000;

/** `on(name, data)` gets every event, and "connect" and "disconnect" of our own. */
export async function connect(on) {
  const { io } = await vendor("socket.io.js");
  const socket = io({
    // No polling first: every browser that this client runs on has WebSocket.
    transports: ["websocket"],
    auth: (give) => token().then((value) => give({ token: value }), () => give({ token: null })),
    reconnectionDelay: 500,
    reconnectionDelayMax: LONGEST_PAUSE_MS,
  });

  socket.on("connect", () => on("connect"));
  socket.on("disconnect", (reason) => {
    on("disconnect");
    // The server ended it: come back with a fresh token, or learn that the session is over.
    if (reason === "io server disconnect") again(socket);
  });
  socket.on("connect_error", (error) => {
    on("disconnect");
    // A refused token stops socket.io's own tries (`active` is false then).
    if (!socket.active) again(socket);
    else if (error.data?.type) fromDocument(error.data);
  });
  socket.onAny((name, data) => on(name, data));

  return {
    /** The `data` of the acknowledgement; a Problem where it is not ok. */
    async emit(event, data) {
      const answer = await socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, data).catch(() => {
        throw offline();
      });
      if (!answer?.ok) throw fromDocument(answer?.error ?? {});
      return answer.data;
    },
    close: () => socket.disconnect(),
  };
}

async function again(socket) {
  const fresh = await token({ renew: true }).catch(() => undefined);
  if (fresh === null) return end();
  // Undefined: the network is away; try at the pace of socket.io's longest wait.
  setTimeout(() => socket.connect(), fresh ? 0 : LONGEST_PAUSE_MS);
}
