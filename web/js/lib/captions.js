// captions — which lines of captions are on the page: the last few, each in its newest version.
/** @import { CaptionsSaid } from "./messages.js" */

/** Lines that stay to be read, the one being spoken included. */
export const KEPT = 4;

export class CaptionLines {
  /** @type {Map<number, CaptionsSaid>} */ #lines = new Map();
  /** What is not newer than this has been seen and is gone. */
  #passed = -1;

  /**
   * Take what was said; false if it is older than what is shown.
   * @param {CaptionsSaid} said
   */
  take(said) {
    const known = this.#lines.get(said.line);
    if (said.line <= this.#passed || (known && known.version >= said.version)) return false;
    this.#lines.set(said.line, said);
    for (const line of [...this.#lines.keys()].sort(byNumber).slice(0, -KEPT)) {
      this.#lines.delete(line);
      this.#passed = Math.max(this.#passed, line);
    }
    return true;
  }

  /** The lines in the order they were begun. @returns {CaptionsSaid[]} */
  get shown() {
    return [...this.#lines.values()].sort((one, other) => one.line - other.line);
  }

  /** Nothing is shown any more; another worker numbers its lines anew. */
  clear() {
    this.#lines.clear();
    this.#passed = -1;
  }
}

/** @param {number} one @param {number} other */
function byNumber(one, other) {
  return one - other;
}
