// why.js — one line that says what is wrong with a call, from what both sides measured: for the agent.
import { t } from "./texts.js";

/** Beyond these people notice. */
const LOSS = 3;
const ROUND_TRIP_MS = 400;
const THIN_KBIT = 120;

/**
 * What one side measured; losses are percent of what it sends (`up`) and of what should come to it (`down`).
 * @typedef {{ lossUp: number | null, lossDown: number | null, rttMs: number | null, kbitUp: number, step: string, limit: string }} Measure
 */

/**
 * The first that is true, the worst first; empty when nothing is wrong.
 * @param {Measure} mine
 * @param {Measure | null} theirs the citizen's, `null` until they have told
 * @returns {string}
 */
export function why(mine, theirs) {
  const losses = /** @type {const} */ ([
    [theirs?.lossUp, (/** @type {number} */ percent) => t("The citizen's uplink loses %(percent)s %", { percent })],
    [theirs?.lossDown, (/** @type {number} */ percent) => t("The citizen's downlink loses %(percent)s %", { percent })],
    [mine.lossUp, (/** @type {number} */ percent) => t("Your own uplink loses %(percent)s %", { percent })],
    [mine.lossDown, (/** @type {number} */ percent) => t("Your own downlink loses %(percent)s %", { percent })],
  ]);
  const [loss, say] = losses.reduce((worst, one) => ((one[0] ?? 0) > (worst[0] ?? 0) ? one : worst));
  if ((loss ?? 0) >= LOSS) return say(Math.round(loss ?? 0));
  if ((theirs?.rttMs ?? 0) > ROUND_TRIP_MS) return t("The citizen's network is slow: %(ms)s ms to us and back", { ms: theirs?.rttMs ?? 0 });
  if ((mine.rttMs ?? 0) > ROUND_TRIP_MS) return t("Your own network is slow: %(ms)s ms to us and back", { ms: mine.rttMs ?? 0 });
  if (theirs?.limit === "device") return t("The citizen's device is too slow for a sharper picture");
  if (mine.limit === "device") return t("This computer is too slow for a sharper picture");
  if (theirs && theirs.step === "180p" && theirs.kbitUp < THIN_KBIT) return t("The citizen's uplink carries only %(kbit)s kbit/s", { kbit: theirs.kbitUp });
  return "";
}
