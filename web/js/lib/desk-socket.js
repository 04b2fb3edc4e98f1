// desk-socket.js — the desk's line. An agent may hold several written calls; one of them is in front. What is said
// about a call names it; what is heard about another than the one in front is for `besides` alone.
import { Socket } from "./socket.js";

/** Messages that are about no call. */
const OF_THE_DESK = new Set(["agent.available", "agent.away", "agent.stay", "offer.accept", "offer.decline"]);
const FOLLOWED_ALWAYS = "stage.changed";

export class DeskSocket extends Socket {
  /** The call in front; empty without one. */
  front = "";

  /**
   * @override
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   */
  request(type, fields = {}) {
    return super.request(type, this.#named(type, fields));
  }

  /**
   * @override
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   */
  say(type, fields = {}) {
    super.say(type, this.#named(type, fields));
  }

  /**
   * @override
   * @param {string} type
   * @param {(message: any) => void} hear
   */
  on(type, hear) {
    super.on(type, (message) => {
      if (type === FOLLOWED_ALWAYS || !this.#elsewhere(message)) hear(message);
    });
  }

  /**
   * Hear what is told about a call that is not in front.
   * @param {string} type
   * @param {(message: any) => void} hear
   */
  besides(type, hear) {
    super.on(type, (message) => {
      if (this.#elsewhere(message)) hear(message);
    });
  }

  /** @param {{ session?: string | null }} message */
  #elsewhere({ session }) {
    return Boolean(session && this.front && session !== this.front);
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} fields
   */
  #named(type, fields) {
    return OF_THE_DESK.has(type) || !this.front ? fields : { session: this.front, ...fields };
  }
}
