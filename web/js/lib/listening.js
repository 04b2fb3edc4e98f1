// listening.js — says when a microphone that should be heard gives nothing: muted on the device, or broken.
import { LevelMeter } from "./devices.js";

const LOOK_EVERY_MS = 250;
/** Below this a microphone is not quiet but dead: even an empty room is louder. */
const DEAD = 0.02;
const DEAD_AFTER_MS = 5_000;

/** Events: "silent" and "heard", each once per change. */
export class SilenceWatch extends EventTarget {
  /** @type {LevelMeter | null} */ #meter = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #lastHeard = 0;
  silent = false;

  /** Watch this track from now on. @param {MediaStreamTrack} track */
  async watch(track) {
    this.stop();
    this.#meter = new LevelMeter(new MediaStream([track]));
    await this.#meter.resume().catch(() => undefined);
    this.#lastHeard = performance.now();
    this.#timer = setInterval(() => this.#look(track), LOOK_EVERY_MS);
  }

  /** @returns {number} 0 to 1 */
  get level() { return this.#meter?.level ?? 0; }

  stop() {
    clearInterval(this.#timer);
    void this.#meter?.stop().catch(() => undefined);
    this.#meter = null;
    this.silent = false;
  }

  /** @param {MediaStreamTrack} track */
  #look(track) {
    // Without a touch the browser gives no samples at all: that is not the microphone's silence.
    if (!track.enabled || !this.#meter?.running || this.level > DEAD) this.#lastHeard = performance.now();
    const silent = performance.now() - this.#lastHeard > DEAD_AFTER_MS;
    if (silent === this.silent) return;
    this.silent = silent;
    this.dispatchEvent(new Event(silent ? "silent" : "heard"));
  }
}

/**
 * Two soft tones for trying the speaker.
 * @returns {Promise<void>} when they have ended
 */
export function testTone() {
  const sound = new AudioContext();
  for (const [at, pitch] of /** @type {[number, number][]} */ ([[0, 523], [0.35, 659], [0.7, 784]])) {
    const tone = sound.createOscillator();
    const loud = sound.createGain();
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0.2, sound.currentTime + at);
    loud.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.6);
    tone.connect(loud).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 0.65);
  }
  return new Promise((ended) => setTimeout(() => void sound.close().finally(ended), 1_500));
}
