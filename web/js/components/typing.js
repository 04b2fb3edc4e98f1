// typing — real-time text: what one writes is seen by the other while it is being written, as deaf and speech-impaired
// people need it (the idea of RFC 4103, over the page's socket: each message carries the whole line, so that a lost
// one is mended by the next). Off until the writer switches it on; in calls by text or sign language on.
import { t } from "../lib/texts.js";
import { part } from "./parts.js";

const EVERY_MS = 300;
/** A draft that does not grow any more is still shown for so long. */
const SHOWN_MS = 60_000;

export class Typing {
  #on;
  #last = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #next;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #fading;
  #shown = "";

  /**
   * @param {HTMLElement} root the chat's panel; it may be replaced by the server at any time
   * @param {import("../lib/socket.js").Socket} socket
   * @param {"citizen" | "agent"} side
   * @param {boolean} on
   */
  constructor(root, socket, side, on) {
    this.root = root;
    this.socket = socket;
    this.#on = on;
    root.addEventListener("input", (event) => this.#written(event));
    root.addEventListener("change", (event) => this.#switched(event));
    root.addEventListener("submit", () => setTimeout(() => this.#send(""), 0));
    socket.on("chat.typed", ({ author, text }) => author !== side && this.#show(text));
    socket.on("chat.said", ({ author }) => author !== side && this.#show(""));
    this.refresh();
  }

  /** Call after the panel was replaced. */
  refresh() {
    const box = part(this.root, "as-written");
    if (box instanceof HTMLInputElement) box.checked = this.#on;
    this.#show(this.#shown);
  }

  /** @param {Event} event */
  #switched({ target }) {
    if (!(target instanceof HTMLInputElement) || target.dataset.role !== "as-written") return;
    this.#on = target.checked;
    if (!this.#on && this.#last) this.#send("");
  }

  /** @param {Event} event */
  #written({ target }) {
    if (!this.#on || !(target instanceof HTMLInputElement) || target.name !== "text") return;
    this.#next ??= setTimeout(() => this.#send(target.value), EVERY_MS);
  }

  /** @param {string} text */
  #send(text) {
    clearTimeout(this.#next);
    this.#next = undefined;
    if (text === this.#last || (!this.#on && text)) return;
    this.#last = text;
    this.socket.say("chat.type", { text });
  }

  /** @param {string} text */
  #show(text) {
    this.#shown = text;
    clearTimeout(this.#fading);
    const place = part(this.root, "typed");
    if (!place) return;
    place.hidden = !text;
    place.textContent = text ? t("Being written: %(text)s", { text }) : "";
    if (text) this.#fading = setTimeout(() => this.#show(""), SHOWN_MS);
  }
}
