// interruption — notices when the phone takes camera or microphone away (a phone call, the lock screen, another
// app) and brings them back with one tap: iOS gives nothing back by itself (WebKit; no page can reset it).
import { platform } from "../lib/platform.js";

/** A track may be mute for a moment while devices are changed. */
const LASTING_MS = 1_500;

/**
 * @typedef {object} Parts
 * @property {(reason: "ok" | "interrupted" | "hidden") => void} changed
 * @property {() => Promise<boolean>} resume opens the devices anew; whether they could be had
 * @property {() => Promise<void>} restart lets pictures and sound play again
 */

export class Interruption {
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {AbortController | null} */ #listening = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {"ok" | "interrupted" | "hidden"} */ #reason = "ok";

  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("pageshow", (event) => event.persisted && this.#seen());
  }

  /** Watch the tracks of this stream, or nothing. @param {MediaStream | null} stream */
  watch(stream) {
    this.#listening?.abort();
    clearTimeout(this.#timer);
    this.#stream = stream;
    this.#reason = "ok";
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    for (const track of stream?.getTracks() ?? []) {
      for (const kind of ["mute", "unmute", "ended"]) track.addEventListener(kind, () => this.#later(), { signal });
    }
  }

  /** The person has touched the page: whatever was taken away may be had again. */
  async tapped() {
    if (this.#reason === "interrupted" && !(await this.parts.resume())) return;
    this.#become("ok");
  }

  #seen() {
    if (!this.#stream) return;
    // On a computer a hidden tab goes on sending; a phone stops the camera.
    if (document.visibilityState === "hidden") return void (platform().system !== "desktop" && this.#become("hidden"));
    void this.parts.restart();
    this.#later();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), LASTING_MS);
  }

  #look() {
    if (!this.#stream || document.visibilityState === "hidden") return;
    const taken = this.#stream.getTracks().some((track) => track.muted || track.readyState === "ended");
    this.#become(taken ? "interrupted" : "ok");
  }

  /** @param {"ok" | "interrupted" | "hidden"} reason */
  #become(reason) {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.parts.changed(reason);
  }
}
