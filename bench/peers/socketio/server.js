// A room per name: `join` enters it, `say` is sent on to all in it. Prints its address when it listens.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.on("join", (room) => socket.join(room));
  socket.on("say", ({ room, text }) => io.to(room).emit("said", { text }));
});
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${http.address().port}`));
