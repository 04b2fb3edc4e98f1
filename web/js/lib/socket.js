// socket.js — one WebSocket that comes back by itself; a request ends in an answer, a refusal or a lost line.

/** @typedef {{ type: string } & Record<string, any>} Message one flat JSON object; `messages.js` names them all */
/** @typedef {"connecting" | "open" | "lost" | "replaced" | "signed_out" | "closed"} SocketState */

const REPLACED = 4409;
const SIGNED_OUT = 4401;
const ANSWER_WITHIN_MS = 15_000;
const LONGEST_PAUSE_MS = 15_000;
/** A line that is not open by then is tried anew: on a network that was away the first try may hang for minutes. */
const OPEN_WITHIN_MS = 3_000;
const LONGEST_OPENING_MS = 12_000;
/**
 * The same while a call hangs on it: the first tries are for a network that has just come back. Not more often:
 * Chromium holds new sockets back, at last for five seconds, when many before them have failed.
 */
const URGENT_OPENING_MS = [1_200, 1_500];
const URGENT_PAUSE_MS = 300;
/** Between tries while the browser knows that it is offline; `hurry` comes with the network. */
const OFFLINE_PAUSE_MS = 5_000;
/** A try so young is not given up for another one. */
const YOUNG_MS = 500;

/** The server said no, or no answer came: `code` is stable, `message` a sentence for the person. */
export class Refused extends Error {
  /**
   * @param {string} code
   * @param {string} text
   * @param {string | null} [field]
   */
  constructor(code, text, field = null) {
    super(text);
    this.code = code;
    this.field = field;
  }

  /** Whether the same request may be sent again: nobody has said no. */
  get again() {
    return this.code === "connection_lost" || this.code === "no_answer";
  }
}

/**
 * @typedef {object} Pending
 * @property {Message} message
 * @property {() => void} done
 * @property {(reason: Refused) => void} refuse
 * @property {ReturnType<typeof setTimeout>} limit
 */

/**
 * Events: "state" (CustomEvent<SocketState>), "message" (every message) and one named like each message's type,
 * both CustomEvent<Message>.
 */
export class Socket extends EventTarget {
  /** @type {WebSocket | null} */
  #line = null;
  /** @type {SocketState} */
  #state = "closed";
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #attempts = 0;
  #made = 0;
  #triedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #next;

  /** A call hangs on this line: try again every second, not ever more slowly. */
  urgent = false;

  /** @param {string} url ws: or wss: address */
  constructor(url) {
    super();
    this.url = url;
  }

  get state() {
    return this.#state;
  }

  /** Connect, and go on connecting until `close`. */
  open() {
    clearTimeout(this.#next);
    if (this.#line) return;
    this.#become("connecting");
    const line = new WebSocket(this.url);
    this.#line = line;
    this.#triedAt = performance.now();
    const urgently = URGENT_OPENING_MS[this.#attempts] ?? OPEN_WITHIN_MS;
    const patience = this.urgent ? urgently : Math.min(OPEN_WITHIN_MS * 1.5 ** this.#attempts, LONGEST_OPENING_MS);
    const limit = setTimeout(() => line.readyState === WebSocket.CONNECTING && this.#giveUp(line), patience);
    line.addEventListener("open", () => clearTimeout(limit));
    line.addEventListener("open", () => this.#opened(line));
    line.addEventListener("message", (event) => line === this.#line && this.#heard(String(event.data)));
    line.addEventListener("close", (event) => this.#lost(line, event.code));
  }

  /** The network is there again: connect now, not at the next attempt; an open line stays. */
  hurry() {
    if (this.#state !== "lost" && this.#state !== "connecting") return;
    this.#attempts = 0;
    if (this.#line && performance.now() - this.#triedAt > YOUNG_MS) this.#giveUp(this.#line);
    this.open();
  }

  /** The line is dead although nobody has said so (an answer is overdue, the network is gone): make a new one. */
  renew() {
    if (this.#state !== "open" || !this.#line) return;
    this.#giveUp(this.#line);
    this.#attempts = 0;
    if (isOnline()) this.open();
  }

  /**
   * Make a new line unless this one still carries a request and its answer.
   * @param {string} type of the request
   * @param {number} withinMs
   */
  async prove(type, withinMs) {
    if (this.#state !== "open") return;
    const overdue = setTimeout(() => this.renew(), withinMs);
    await this.request(type).catch(() => undefined);
    clearTimeout(overdue);
  }

  /** End for good. */
  close() {
    clearTimeout(this.#next);
    const line = this.#line;
    this.#line = null;
    line?.close(1000);
    this.#refuseAll("connection_lost");
    this.#become("closed");
  }

  /**
   * Send a request and wait for its `ack`; while the line is down it waits for the line, at most 15 s.
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<void>} rejects with Refused
   */
  request(type, fields = {}) {
    const id = `${Date.now().toString(36)}-${(this.#made += 1)}`;
    const message = { type, ...fields, id };
    return new Promise((done, refuse) => {
      const limit = setTimeout(() => this.#settle(id)?.refuse(new Refused("no_answer", "")), ANSWER_WITHIN_MS);
      this.#pending.set(id, { message, done, refuse, limit });
      this.#write(message);
    });
  }

  /**
   * Send without waiting for an answer; said to nobody while the line is down.
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   */
  say(type, fields = {}) {
    this.#write({ type, ...fields });
  }

  /**
   * Hear messages of one type.
   * @param {string} type
   * @param {(message: any) => void} hear
   */
  on(type, hear) {
    this.addEventListener(type, (event) => hear(/** @type {CustomEvent<Message>} */ (event).detail));
  }

  /** @param {Message} message */
  #write(message) {
    if (this.#line?.readyState === WebSocket.OPEN) this.#line.send(JSON.stringify(message));
  }

  /** @param {WebSocket} line */
  #opened(line) {
    if (line !== this.#line) return;
    this.#attempts = 0;
    this.#become("open");
    for (const { message } of this.#pending.values()) this.#write(message);
  }

  /** @param {string} text */
  #heard(text) {
    /** @type {Message} */
    const message = JSON.parse(text);
    const answered = "re" in message && message.re ? this.#settle(message.re) : undefined;
    if (message.type === "ack") return answered?.done();
    if (message.type === "error" && answered) {
      return answered.refuse(new Refused(message.code, message.text, message.field));
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** Count a line as lost without waiting for its goodbye. @param {WebSocket} line */
  #giveUp(line) {
    this.#lost(line, 1006);
    line.close();
  }

  /**
   * @param {WebSocket} line
   * @param {number} code
   */
  #lost(line, code) {
    if (line !== this.#line) return;
    this.#line = null;
    this.#refuseAll("connection_lost");
    if (code === REPLACED || code === SIGNED_OUT) {
      return this.#become(code === REPLACED ? "replaced" : "signed_out");
    }
    this.#become("lost");
    // The first return is spread over one second, so that a restarted server is not met by everybody at once.
    const pause = Math.random() * this.#longestPause();
    this.#attempts += 1;
    this.#next = setTimeout(() => this.open(), isOnline() ? pause : OFFLINE_PAUSE_MS);
  }

  #longestPause() {
    if (!this.urgent) return Math.min(1_000 * 2 ** this.#attempts, LONGEST_PAUSE_MS);
    return this.#attempts > 0 ? URGENT_PAUSE_MS : 1_000;
  }

  /** @param {string} id */
  #settle(id) {
    const pending = this.#pending.get(id);
    if (pending) clearTimeout(pending.limit);
    this.#pending.delete(id);
    return pending;
  }

  /** @param {string} code */
  #refuseAll(code) {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.refuse(new Refused(code, ""));
  }

  /** @param {SocketState} state */
  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/** Whether the browser sees a network at all; that it does promises nothing. */
function isOnline() {
  return globalThis.navigator?.onLine !== false;
}

/**
 * The WebSocket address beside this page.
 * @param {string} path
 */
export function socketUrl(path) {
  const url = new URL(path, globalThis.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
