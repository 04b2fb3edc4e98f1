// The BullMQ driver: fills a queue, then hands jobs out in a closed loop, one command from stdin at a time.
// node bullmq.cjs <folder with node_modules> <socket of the server> <jobs waiting>
// stdin: "<pairings> <clients>" per line; stdout: "ready", then one JSON line {next_ms: [...]} per command.
"use strict";
const [folder, socket, waiting] = process.argv.slice(2);
const from = require("node:module").createRequire(folder + "/");
const { Queue, Worker } = from("bullmq");
const Redis = from("ioredis");
const CLIENTS = 8;
const connect = () => new Redis(socket, { maxRetriesPerRequest: null });

async function main() {
  const queue = new Queue("calls", { connection: connect() });
  for (let start = 0; start < Number(waiting); start += 1000) {
    const some = Array.from({ length: Math.min(1000, Number(waiting) - start) }, (_, at) => job(start + at));
    await queue.addBulk(some);
  }
  const workers = [];
  for (let number = 0; number < CLIENTS; number += 1) {
    const options = { connection: connect(), autorun: false, skipStalledCheck: true };
    const worker = new Worker("calls", null, options);
    await worker.waitUntilReady();
    const adding = new Queue("calls", { connection: connect() });
    await adding.waitUntilReady();
    workers.push({ worker, adding });
  }
  console.log("ready");
  for await (const line of require("node:readline").createInterface({ input: process.stdin })) {
    const [pairings, clients] = line.split(" ").map(Number);
    const left = { pairings };
    const taken = await Promise.all(workers.slice(0, clients).map((one) => work(one, left)));
    console.log(JSON.stringify({ next_ms: taken.flat() }));
  }
  process.exit(0);
}

let serial = 0;
function job(number) {
  const data = { ticket: `t${number}`, lane: "440106|S07|zh|video", joined: Date.now() };
  return { name: "call", data, opts: { removeOnComplete: true } };
}

async function work({ worker, adding }, left) {
  const found = [];
  while (left.pairings > 0) {
    left.pairings -= 1;
    const begun = process.hrtime.bigint();
    const taken = await worker.getNextJob("token", { block: false });
    found.push(Number(process.hrtime.bigint() - begun) / 1e6);
    await taken.moveToCompleted("served", "token", false);
    const { name, data, opts } = job(1e6 + (serial += 1));
    await adding.add(name, data, opts);
  }
  return found;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
