// socket.io: a broadcast server as its manual shows it. Commands and answers as in floor.c.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, pingInterval: 600_000 });
server.listen(0, "127.0.0.1", 4096, () => console.log("port", server.address().port));

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [, rounds, size] = line.split(" ").map(Number);
  const begun = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    io.emit("m", "x".repeat(Math.max(0, size - 8))); // as long on the wire as the others': 42["m","…"]
    await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(begun);
  console.log("pushed", rounds * io.of("/").sockets.size, "us", user + system);
}).on("close", () => process.exit(0));
