// smoothing.js — how long a picture waits before it is shown, so that what was lost on the way can be sent again.
// Rule: nothing waits where nothing is lost; talking suffers from waiting more than from a rare freeze.

/** Share of packets asked for again from which on pictures wait, and below which they no longer do. */
const BEGINS_AT = 0.01;
const ENDS_BELOW = 0.003;
/** Weight of the newest look in the running share; looks come twice a second. */
const NEWEST = 0.1;
/** Two ways there and back, for a second loss, and what the sender and we need meanwhile; never more than the last. */
const ROUND_TRIPS = 2;
const MARGIN_MS = 80;
const LONGEST_MS = 600;

export class Smoothing {
  #share = 0;
  #asked = 0;
  #received = 0;
  /** @type {number | null} */ #waitsMs = null;

  /**
   * What the receivers of pictures are told (`jitterBufferTarget`), in ms; `null`: as the browser likes.
   * @param {RTCStatsReport} report
   * @returns {number | null}
   */
  waitsMs(report) {
    const { asked, received, rttMs } = lossIn(report);
    const came = received - this.#received;
    if (came > 0) this.#share += NEWEST * (Math.min(1, Math.max(0, asked - this.#asked) / came) - this.#share);
    this.#asked = asked;
    this.#received = received;
    if (this.#share < ENDS_BELOW) this.#waitsMs = null;
    else if (this.#share > BEGINS_AT) this.#waitsMs = Math.min(LONGEST_MS, Math.round(ROUND_TRIPS * rttMs) + MARGIN_MS);
    return this.#waitsMs;
  }
}

/** @param {RTCStatsReport} report */
function lossIn(report) {
  const sum = { asked: 0, received: 0, rttMs: 0 };
  report.forEach((entry) => {
    if (entry.type === "inbound-rtp" && entry.kind === "video") {
      sum.asked += entry.nackCount ?? 0;
      sum.received += entry.packetsReceived ?? 0;
    } else if (entry.type === "remote-inbound-rtp") {
      sum.rttMs = Math.max(sum.rttMs, 1_000 * (entry.roundTripTime ?? 0));
    } else if (entry.type === "candidate-pair" && entry.nominated) {
      sum.rttMs = Math.max(sum.rttMs, 1_000 * (entry.currentRoundTripTime ?? 0));
    }
  });
  return sum;
}
