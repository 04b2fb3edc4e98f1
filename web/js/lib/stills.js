// stills.js — sends a photograph through the call's data channel; the server fetches it there when it is told the hash.

const LABEL = "stills";
/** Octets of one message, and how many may be on their way before the server says that they have arrived. */
const PIECE = 16_000;
const AHEAD = 131_072;
/** A channel on which nothing is said for so long is given up; the photo then goes another way. */
const SILENT_MS = 10_000;

/**
 * What the server says, see `media/stills.py`.
 * @typedef {{ takes?: number, have?: number, kept?: string, refused?: string }} Said
 */

export class StillChannel {
  #takes = 0;
  /** @type {Said} */ #said = {};
  #wake = () => {};
  #sending = false;

  /** @param {RTCPeerConnection} connection that has not offered yet */
  constructor(connection) {
    this.channel = connection.createDataChannel(LABEL);
    this.channel.addEventListener("message", ({ data }) => this.#hear(JSON.parse(String(data))));
    this.channel.addEventListener("close", () => this.#hear({ refused: "closed" }));
  }

  get ready() {
    return this.channel.readyState === "open" && this.#takes > 0 && !this.#sending;
  }

  /**
   * Send a photo. Gives its hash once the server has it whole, or `null` when it did not go through.
   * @param {Blob} photo
   * @returns {Promise<string | null>}
   */
  async send(photo) {
    if (!this.ready || photo.size > this.#takes) return null;
    this.#sending = true;
    try {
      return await this.#give(new Uint8Array(await photo.arrayBuffer()));
    } catch {
      return null; // the channel has closed under it
    } finally {
      this.#sending = false;
    }
  }

  /** @param {Uint8Array<ArrayBuffer>} octets */
  async #give(octets) {
    const sha256 = hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", octets)));
    this.#said = {};
    this.channel.send(JSON.stringify({ octets: octets.length, sha256 }));
    for (let start = 0; start < octets.length; start += PIECE) {
      const goesOn = await this.#until(({ have }) => have !== undefined && start - have < AHEAD);
      if (!goesOn) return null;
      this.channel.send(pieceFrom(octets, start));
    }
    return (await this.#until(({ kept }) => kept === sha256)) ? sha256 : null;
  }

  /**
   * Whether the server says so before it refuses or falls silent.
   * @param {(said: Said) => boolean} enough
   */
  async #until(enough) {
    while (!enough(this.#said)) {
      if (this.#said.refused || !(await this.#somethingIsSaid())) return false;
    }
    return true;
  }

  /** @returns {Promise<boolean>} */
  #somethingIsSaid() {
    return new Promise((heard) => {
      const limit = setTimeout(() => heard(false), SILENT_MS);
      this.#wake = () => { clearTimeout(limit); heard(true); };
    });
  }

  /** @param {Said} said */
  #hear(said) {
    this.#takes = said.takes ?? this.#takes;
    this.#said = { ...this.#said, ...said };
    this.#wake();
  }
}

/**
 * A message: where the piece begins, then the piece.
 * @param {Uint8Array} octets
 * @param {number} start
 */
function pieceFrom(octets, start) {
  const piece = octets.subarray(start, start + PIECE);
  const message = new Uint8Array(4 + piece.length);
  new DataView(message.buffer).setUint32(0, start);
  message.set(piece, 4);
  return message;
}

/** @param {Uint8Array} octets */
function hexOf(octets) {
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}
