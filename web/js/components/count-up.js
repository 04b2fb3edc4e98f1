// <count-up since>: how long something has lasted, minutes and seconds; `since` is a time of the server, in seconds since
// the epoch. Without scripts it is empty: the words beside it say since when, to screen readers too.
import { CountDownElement } from "./count-down.js";

const EVERY_MS = 1_000;

export class CountUpElement extends HTMLElement {
  #tick = 0;

  connectedCallback() {
    this.setAttribute("aria-hidden", "true"); // a status that is read out each second helps nobody
    this.#tick = setInterval(() => this.#show(), EVERY_MS);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#tick);
  }

  #show() {
    const now = (Date.now() + CountDownElement.aheadMs) / 1_000;
    const seconds = Math.max(0, Math.floor(now - Number(this.getAttribute("since"))));
    this.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}
customElements.define("count-up", CountUpElement);
