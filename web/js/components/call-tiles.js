// call-tiles — the third and further people of a call: one small picture each, with a name, beside the large one.
// Needs a CallView, its stage and a socket; translators stand first and stay where they are.
import { t } from "../lib/texts.js";

/** @typedef {{ kind: string, name: string }} Who */

/** Words of the kinds, so that they are found by whoever collects texts. @param {string} kind */
export function kindWords(kind) {
  const words = {
    citizen: t("Citizen"), agent: t("Agent"), interpreter: t("Interpreter"), family: t("Family"), principal: t("Principal"),
    expert: t("Expert"), local_counter: t("Local counter"), supervisor: t("Supervisor"),
  };
  return words[/** @type {keyof typeof words} */ (kind)] ?? kind;
}

export class CallTiles {
  /** @type {Map<number, HTMLElement>} */ #tiles = new Map();
  /** @type {(Who | null)[]} */ #slots = [];

  /**
   * @param {HTMLElement} stage
   * @param {import("../lib/socket.js").Socket} socket
   * @param {import("./call-view.js").CallView} call
   * @param {{ namesFirst?: boolean }} [how] whether the large picture's name is the server's word as well
   */
  constructor(stage, socket, call, { namesFirst = false } = {}) {
    this.stage = stage;
    this.call = call;
    this.namesFirst = namesFirst;
    this.list = document.createElement("div");
    this.list.className = "call-tiles";
    this.list.hidden = true;
    stage.querySelector(".video-stage__picture")?.after(this.list);
    socket.on("call.slots", ({ slots }) => this.#name(/** @type {any} */ (slots)));
    call.addEventListener("further", (event) => this.#show(/** @type {CustomEvent} */ (event).detail));
    call.addEventListener("stopped", () => this.#clear());
  }

  /** Who is in the large picture, if it is known. */
  get first() {
    return this.#slots[0] ?? null;
  }

  /** @param {{ slot: number, stream: MediaStream }} further */
  #show({ slot, stream }) {
    const tile = this.#tiles.get(slot) ?? this.#make(slot);
    const picture = /** @type {HTMLVideoElement} */ (tile.querySelector("video"));
    picture.srcObject = stream;
    void this.call.play();
    this.#label();
  }

  /** @param {number} slot */
  #make(slot) {
    const tile = document.createElement("figure");
    tile.className = "call-tiles__tile";
    const picture = document.createElement("video");
    picture.autoplay = true;
    picture.playsInline = true;
    tile.append(picture, document.createElement("figcaption"));
    this.#tiles.set(slot, tile);
    this.list.append(tile);
    return tile;
  }

  /** @param {(Who | null)[]} slots */
  #name(slots) {
    this.#slots = slots;
    this.#label();
    const first = slots[0];
    if (first && (first.name || this.namesFirst)) this.stage.querySelector(".video-stage__name")?.replaceChildren(words(first));
  }

  #label() {
    for (const [slot, tile] of this.#tiles) {
      const who = this.#slots[slot] ?? null;
      tile.hidden = who === null;
      tile.dataset.kind = who?.kind ?? "";
      const caption = tile.querySelector("figcaption");
      if (caption && who) caption.textContent = words(who);
    }
    this.list.hidden = [...this.#tiles.values()].every((tile) => tile.hidden);
  }

  #clear() {
    this.list.replaceChildren();
    this.list.hidden = true;
    this.#tiles.clear();
    this.#slots = [];
  }
}

/** @param {Who} who */
function words({ kind, name }) {
  return name ? `${name} · ${kindWords(kind)}` : kindWords(kind);
}
