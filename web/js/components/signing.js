// signing — the sheet one writes on, kept while the server renews the panel around it; only what was read back is signed.
import SignaturePad from "signature_pad";
import { t } from "../lib/texts.js";
import { part, post } from "./parts.js";

/** Ink is dark blue on every theme, because it ends on white paper. */
const INK = "#10233f";

export class Signing {
  /** @type {SignaturePad | null} */ #pad = null;
  /** @type {ReturnType<SignaturePad["toData"]>} */ #strokes = [];
  #typed = "";
  #sha256 = "";
  #sending = false;

  /**
   * @param {HTMLElement} root
   * @param {() => void} done called when something was accepted
   */
  constructor(root, done) {
    this.root = root;
    this.done = done;
    root.addEventListener("submit", (event) => this.#submit(event));
    root.addEventListener("click", (event) => this.#clear(event));
    root.addEventListener("input", (event) => this.#keepCode(event));
    addEventListener("resize", () => this.#fit());
    this.refresh();
  }

  /** Call after the panel was replaced: the drawing comes back if it is still for the same text. */
  refresh() {
    const canvas = part(this.root, "pad");
    this.#pad?.off();
    this.#pad = null;
    if (!(canvas instanceof HTMLCanvasElement)) return;
    const form = canvas.closest("form");
    const sha256 = /** @type {HTMLInputElement | null} */ (form?.elements.namedItem("sha256"))?.value ?? "";
    if (sha256 !== this.#sha256) this.#strokes = [];
    this.#sha256 = sha256;
    this.#pad = new SignaturePad(canvas, { penColor: INK, minWidth: 1, maxWidth: 3 });
    this.#pad.addEventListener("endStroke", () => this.#keep());
    this.#fit();
    const code = form?.elements.namedItem("code");
    if (code instanceof HTMLInputElement && this.#typed) code.value = this.#typed;
  }

  #fit() {
    const canvas = part(this.root, "pad");
    if (!(canvas instanceof HTMLCanvasElement) || !this.#pad || !canvas.offsetWidth) return;
    const ratio = Math.max(devicePixelRatio, 1);
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d")?.scale(ratio, ratio);
    this.#pad.clear();
    if (this.#strokes.length) this.#pad.fromData(this.#strokes);
    this.#mark();
  }

  #keep() {
    this.#strokes = this.#pad?.toData() ?? [];
    this.#mark();
  }

  #mark() {
    part(this.root, "signature")?.toggleAttribute("data-signed", this.#strokes.length > 0);
  }

  /** @param {Event} event */
  #keepCode(event) {
    if (event.target instanceof HTMLInputElement && event.target.name === "code") this.#typed = event.target.value;
  }

  /** @param {Event} event */
  #clear(event) {
    if (!(event.target instanceof Element && event.target.closest('[data-role="clear"]'))) return;
    this.#strokes = [];
    this.#pad?.clear();
    this.#mark();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.role) return;
    if (form.dataset.role !== "sign" && form.dataset.role !== "send-code") return;
    event.preventDefault();
    void (form.dataset.role === "sign" ? this.#sign(form) : this.#askCode(form));
  }

  /** @param {HTMLFormElement} form */
  async #askCode(form) {
    const problem = await post(form.action, new FormData(form));
    if (problem !== null) this.#complain(problem || t("Not sent. Please try again."));
    else this.done();
  }

  /** @param {HTMLFormElement} form */
  async #sign(form) {
    if (this.#sending) return;
    if (!this.#pad || !this.#strokes.length) return this.#complain(t("Please write your name in the box above."));
    this.#sending = true;
    const body = new FormData(form);
    body.set("drawing", this.#pad.toDataURL("image/png"));
    const problem = await post(form.action, body);
    this.#sending = false;
    if (problem !== null) return this.#complain(problem || t("Not sent. Please try again."));
    this.#typed = "";
    this.done();
  }

  /** @param {string} text */
  #complain(text) {
    const place = part(this.root, "sign-error");
    if (!place) return;
    place.textContent = text;
    place.hidden = false;
  }
}
