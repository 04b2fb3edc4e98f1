// steps.js — how much of a call a network carries: from a sharp picture down to written words, and up again.
// Rule: down fast, up slowly; a step up that did not hold doubles the wait before the next attempt.

/** @typedef {"720p" | "360p" | "180p" | "stills" | "audio" | "text"} Step */

/**
 * What a step asks of the way up and of the camera; heights in pixels, rates in kbit/s and pictures a second.
 * @typedef {{ step: Step, needsKbit: number, height: number, maxKbit: number, frames: number, picture: boolean, sound: boolean }} Rung
 */

/** @type {readonly Rung[]} */
export const LADDER = [
  { step: "720p", needsKbit: 700, height: 720, maxKbit: 1_500, frames: 30, picture: true, sound: true },
  { step: "360p", needsKbit: 250, height: 360, maxKbit: 600, frames: 30, picture: true, sound: true },
  { step: "180p", needsKbit: 110, height: 180, maxKbit: 180, frames: 15, picture: true, sound: true },
  { step: "stills", needsKbit: 70, height: 360, maxKbit: 80, frames: 1, picture: true, sound: true },
  { step: "audio", needsKbit: 20, height: 0, maxKbit: 0, frames: 0, picture: false, sound: true },
  { step: "text", needsKbit: 0, height: 0, maxKbit: 0, frames: 0, picture: false, sound: false },
];
/** Where a call begins: a step down hurts more than a step up delights. */
const FIRST = 1;

const BAD = { lossPercent: 10, rttMs: 1_500 };
/** So bad that two steps are taken at once. */
const TERRIBLE_LOSS = 30;
const GOOD = { lossPercent: 3, rttMs: 600 };
/** Looks in a row, of two seconds each. */
const DOWN_AFTER = 2;
const UP_AFTER = 6;
const LONGEST_UP_AFTER = 48;
/** A step up that is taken back within so many looks did not hold. */
const HELD_AFTER = 15;

/**
 * What is looked at; unknown is null. `limit` is what holds the picture back.
 * @typedef {{ lossUpPercent: number | null, rttMs: number | null, availableKbit: number | null, limit: string }} Look
 */

export class Steps {
  #rung = FIRST;
  #bad = 0;
  #good = 0;
  #upAfter = UP_AFTER;
  #sinceUp = Infinity;

  /** @returns {Rung} */
  get rung() { return /** @type {Rung} */ (LADDER[this.#rung]); }

  /**
   * Take in one look, two seconds after the one before.
   * @param {Look} look
   * @returns {boolean} whether the step has changed
   */
  observe(look) {
    this.#sinceUp += 1;
    const starved = look.availableKbit !== null && look.availableKbit < this.rung.needsKbit;
    const bad = starved || (look.lossUpPercent ?? 0) > BAD.lossPercent || (look.rttMs ?? 0) > BAD.rttMs;
    const good = !bad && (look.lossUpPercent ?? 0) < GOOD.lossPercent && (look.rttMs ?? 0) < GOOD.rttMs;
    this.#bad = bad ? this.#bad + 1 : 0;
    this.#good = good && look.limit !== "device" ? this.#good + 1 : 0;
    if (this.#bad >= DOWN_AFTER) return this.#down((look.lossUpPercent ?? 0) > TERRIBLE_LOSS ? 2 : 1);
    if (look.limit === "device" && this.#rung === 0) return this.#down(1);
    return this.#good >= this.#upAfter && this.#up();
  }

  /** @param {number} by */
  #down(by) {
    const held = this.#sinceUp > HELD_AFTER;
    this.#upAfter = held ? UP_AFTER : Math.min(LONGEST_UP_AFTER, this.#upAfter * 2);
    return this.#go(Math.min(LADDER.length - 1, this.#rung + by));
  }

  #up() {
    this.#sinceUp = 0;
    return this.#go(Math.max(0, this.#rung - 1));
  }

  /** @param {number} rung */
  #go(rung) {
    this.#bad = this.#good = 0;
    const changed = rung !== this.#rung;
    this.#rung = rung;
    return changed;
  }
}
