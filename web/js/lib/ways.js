// ways.js — asks the server how this browser gets to the media server: relays, and whether they are the only way.
/** @import { CallWays } from "./messages.js" */

/** @typedef {{ iceServers: RTCIceServer[], iceTransportPolicy: RTCIceTransportPolicy }} Ways as RTCConfiguration has them */
/** @typedef {() => Promise<Ways>} FindWays */

/** A server that has not answered by then will not. */
const WITHIN_MS = 5_000;

/**
 * Makes the function that `Call` asks before each new connection and each restart. An answer is used as long as it is
 * good; from half of that time on the next one is asked for meanwhile. When none comes, the last one stands.
 * @param {import("./socket.js").Socket} socket
 * @returns {FindWays}
 */
export function waysOver(socket) {
  /** @type {Ways} */
  let known = { iceServers: [], iceTransportPolicy: "all" };
  let freshUntil = 0;
  let goodUntil = 0;
  /** @type {Promise<Ways> | null} */
  let asking = null;
  const ask = async () => {
    const asked = performance.now();
    const told = await answerTo(socket).catch(() => null);
    if (!told) return known;
    freshUntil = asked + told.good_for_seconds * 500;
    goodUntil = asked + told.good_for_seconds * 1_000;
    known = { iceServers: told.servers, iceTransportPolicy: told.relay_only ? "relay" : "all" };
    return known;
  };
  return async () => {
    const now = performance.now();
    if (now < freshUntil) return known;
    asking ??= ask().finally(() => (asking = null));
    return now < goodUntil ? known : asking;
  };
}

/**
 * @param {import("./socket.js").Socket} socket
 * @returns {Promise<CallWays>}
 */
async function answerTo(socket) {
  const hearing = new AbortController();
  /** @type {Promise<CallWays>} */
  const told = new Promise((found, failed) => {
    const limit = setTimeout(() => failed(new Error("no_answer")), WITHIN_MS);
    hearing.signal.addEventListener("abort", () => clearTimeout(limit));
    socket.addEventListener("call.ways", (event) => found(/** @type {CustomEvent} */ (event).detail), { signal: hearing.signal });
  });
  try {
    await Promise.all([socket.request("call.prepare"), told]);
    return await told;
  } finally {
    hearing.abort();
  }
}
