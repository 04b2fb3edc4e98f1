// desk-bell — rings until it is answered: two soft tones every other second, and a title that can be seen in the tab.

const EVERY_MS = 2_000;
/** [seconds after the start, pitch in Hz] */
const TONES = /** @type {[number, number][]} */ ([[0, 784], [0.22, 988]]);

export class Bell {
  /** @type {AudioContext | null} */ #sound = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #title = "";

  /** @param {string} words shown in the title by turns */
  ring(words) {
    if (this.#title) return;
    this.#title = document.title;
    let odd = false;
    const stroke = () => {
      odd = !odd;
      document.title = odd ? `● ${words}` : this.#title;
      if (odd) this.#strike();
    };
    stroke();
    this.#timer = setInterval(stroke, EVERY_MS / 2);
  }

  /** One soft tone: a message in a call that is not in front. */
  touch() {
    this.#strike(TONES.slice(0, 1));
  }

  stop() {
    clearInterval(this.#timer);
    if (this.#title) document.title = this.#title;
    this.#title = "";
    void this.#sound?.close();
    this.#sound = null;
  }

  /** Browsers keep silent until the page was touched once; the switch to "available" is such a touch. */
  #strike(tones = TONES) {
    if (!navigator.userActivation.hasBeenActive) return;
    const sound = (this.#sound ??= new AudioContext());
    for (const [after, pitch] of tones) {
      const tone = sound.createOscillator();
      const loud = sound.createGain();
      const from = sound.currentTime + after;
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.18, from);
      loud.gain.exponentialRampToValueAtTime(0.001, from + 0.8);
      tone.connect(loud).connect(sound.destination);
      tone.start(from);
      tone.stop(from + 0.85);
    }
  }
}
