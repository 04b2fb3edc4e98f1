// ws: a broadcast server as its manual shows it. Commands and answers as in floor.c.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { WebSocketServer, WebSocket } from "ws";

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
server.listen(0, "127.0.0.1", 4096, () => console.log("port", server.address().port));

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [, rounds, size] = line.split(" ").map(Number);
  const begun = process.cpuUsage();
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    const text = "x".repeat(size);
    for (const client of sockets.clients) {
      if (client.readyState !== WebSocket.OPEN) continue;
      client.send(text);
      sent++;
    }
    await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(begun);
  console.log("pushed", sent, "us", user + system);
}).on("close", () => process.exit(0));
