// <count-down seconds of> or <count-down until>: says how many seconds are left; the server wrote the first number.
// `until` is a time of the server, in seconds since the epoch.
// Sets --share (1 → 0) on the parent for a bar, and sends "ended" once.

export class CountDownElement extends HTMLElement {
  /** How far the server's clock is ahead of this one; set from its first message. */
  static aheadMs = 0;

  #endsAt = 0;
  #tick = 0;

  connectedCallback() {
    const until = this.getAttribute("until");
    const left = (Number(until) * 1000 - Date.now() - CountDownElement.aheadMs) / 1000;
    this.restart(until ? left : Number(this.getAttribute("seconds") ?? 0));
  }

  disconnectedCallback() {
    clearInterval(this.#tick);
  }

  /** @param {number} seconds */
  restart(seconds) {
    clearInterval(this.#tick);
    this.#endsAt = performance.now() + seconds * 1000;
    this.#tick = setInterval(() => this.#show(), 250);
    this.#show();
  }

  #show() {
    const left = Math.max(0, Math.ceil((this.#endsAt - performance.now()) / 1000));
    const shown = this.firstChild ?? this.appendChild(document.createTextNode("0"));
    const text = (shown.nodeValue ?? "").replace(/\d+/, String(left));
    if (text !== shown.nodeValue) shown.nodeValue = text;
    const whole = Number(this.getAttribute("of") ?? this.getAttribute("seconds") ?? 1);
    const card = this.closest("[data-count-down], .offer-card") ?? this.parentElement;
    if (card instanceof HTMLElement) card.style.setProperty("--share", String(left / whole));
    if (left > 0) return;
    clearInterval(this.#tick);
    this.dispatchEvent(new CustomEvent("ended", { bubbles: true }));
  }
}
customElements.define("count-down", CountDownElement);
