// offers.js — brings a call's SDP offer to the server and its answer back, over the page's own socket.
import { Refused } from "./socket.js";

/** @import { CallAnswer } from "./messages.js" */

/** A media worker that has not answered by then will not. */
const ANSWER_WITHIN_MS = 10_000;

/**
 * Makes the function that `Call` asks for. `purpose` is "call" or "echo".
 * @param {import("./socket.js").Socket} socket
 * @param {"call" | "echo"} purpose
 * @returns {(sdp: string) => Promise<string>} rejects when the server refuses or stays silent
 */
export function offersOver(socket, purpose) {
  let attempt = 0;
  return async (sdp) => {
    // Only the first may wait for the line: a later one would be old by then, and is made anew when the line is back.
    if (attempt > 0 && socket.state !== "open") throw new Refused("connection_lost", "");
    attempt += 1;
    const answered = answerTo(socket, purpose, attempt);
    try {
      await socket.request("call.offer", { purpose, attempt, sdp });
      return await answered.sdp;
    } finally {
      answered.forget();
    }
  };
}

/**
 * @param {import("./socket.js").Socket} socket
 * @param {string} purpose
 * @param {number} attempt
 */
function answerTo(socket, purpose, attempt) {
  const hearing = new AbortController();
  /** @type {Promise<string>} */
  const sdp = new Promise((found, failed) => {
    const limit = setTimeout(() => failed(new Error("no_answer")), ANSWER_WITHIN_MS);
    hearing.signal.addEventListener("abort", () => clearTimeout(limit));
    socket.addEventListener(
      "call.answer",
      (event) => {
        /** @type {CallAnswer} */
        const message = /** @type {CustomEvent} */ (event).detail;
        if (message.purpose === purpose && message.attempt === attempt) found(message.sdp);
      },
      { signal: hearing.signal },
    );
  });
  return { sdp, forget: () => hearing.abort() };
}
