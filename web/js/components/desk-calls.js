// desk-calls — several written calls at one desk: which is in front, and what was typed in the others.
// Needs the panel "calls" of agent/desk.html. Keyboard: Alt 5–7 to a call, Alt N to who waits longest for an answer.
import { t } from "../lib/texts.js";
import { read } from "./live-form.js";
import { say } from "./toast.js";

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @typedef {{ selector: string, value: string | boolean }[]} Typed */

const KEYED_FROM = 5;
const KEYED = 3;

/** Event "turn" when another call is to come to the front. */
export class DeskCalls extends EventTarget {
  /** @type {Map<string, Typed>} what was typed and not sent, by call */
  #drafts = new Map();
  /** @type {Set<string>} calls that have had a stage */
  #known = new Set();

  /**
   * @param {HTMLElement} root the desk
   * @param {import("../lib/desk-socket.js").DeskSocket} socket
   * @param {import("./live-form.js").LiveForm} form
   */
  constructor(root, socket, form) {
    super();
    this.root = root;
    this.socket = socket;
    this.form = form;
    socket.front = root.dataset.session ?? "";
    for (const session of [socket.front, ...this.listed]) this.#known.add(session);
    root.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The calls of this desk, as the panel lists them; one alone is not listed. @returns {string[]} */
  get listed() {
    return [...new Set(this.#links().map((link) => link.dataset.call ?? ""))];
  }

  /** Whether this call has been told of before; from now on it has. @param {string} session */
  knew(session) {
    const known = this.#known.has(session);
    this.#known.add(session);
    return known;
  }

  /** @param {string} session */
  holds(session) {
    return session !== "" && this.listed.includes(session);
  }

  /**
   * Bring a call to the front, or none. What was typed stays with the call before; what waits for a pause in
   * typing is sent. Renew the panels afterwards, then `restore`.
   * @param {string} session
   */
  bring(session) {
    if (session === this.socket.front) return false;
    this.form.hasten();
    if (this.socket.front) this.#drafts.set(this.socket.front, takeTyped(this.root));
    this.socket.front = session;
    this.root.dataset.session = session;
    history.replaceState(null, "", session ? `/desk?session=${encodeURIComponent(session)}` : "/desk");
    return true;
  }

  /** Put what was typed in the call in front back into its fields. */
  restore() {
    putTyped(this.root, this.#drafts.get(this.socket.front) ?? []);
    this.#drafts.delete(this.socket.front);
  }

  /** Who has waited longest for an answer, else the first one listed. */
  next() {
    const links = this.#links();
    return (links.find((link) => "longest" in link.dataset) ?? links[0])?.dataset.call ?? "";
  }

  /** @returns {HTMLElement[]} */
  #links() {
    return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll(".calls__call[data-call]")]);
  }

  /** @param {string} session */
  #turn(session) {
    if (!session || session === this.socket.front) return;
    if (this.socket.state !== "open") return say(t("Connection lost; reconnecting. Nothing is lost."), "attention");
    this.dispatchEvent(new CustomEvent("turn", { detail: session }));
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const link = event.target instanceof Element ? event.target.closest("[data-call]") : null;
    if (!(link instanceof HTMLElement) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#turn(link.dataset.call ?? "");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const place = Number(event.code.replace("Digit", "")) - KEYED_FROM;
    const session = event.code === "KeyN" ? this.next() : place >= 0 && place < KEYED ? this.listed[place] ?? "" : "";
    if (!session) return;
    event.preventDefault();
    this.#turn(session);
  }
}

/**
 * What was typed in the open panels and not sent; the fields are as the server wrote them afterwards.
 * @param {HTMLElement} root
 * @returns {Typed}
 */
function takeTyped(root) {
  /** @type {Typed} */
  const typed = [];
  for (const control of /** @type {NodeListOf<Control>} */ (root.querySelectorAll("[data-panel] :is(input, select, textarea)"))) {
    const wrapper = control.closest(".live-field");
    const sent = wrapper instanceof HTMLElement && read(wrapper) !== undefined;
    const selector = selectorOf(control);
    if (!selector || control.type === "hidden" || control.type === "file") continue;
    if (control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type)) {
      if (control.checked !== control.defaultChecked && !sent) typed.push({ selector, value: control.checked });
      control.checked = control.defaultChecked;
    } else if (control instanceof HTMLSelectElement) {
      if ("typed" in control.dataset && !sent) typed.push({ selector, value: control.value });
      delete control.dataset.typed;
    } else {
      if (control.value !== control.defaultValue && !sent) typed.push({ selector, value: control.value });
      control.value = control.defaultValue;
    }
  }
  return typed;
}

/**
 * @param {HTMLElement} root
 * @param {Typed} typed
 */
function putTyped(root, typed) {
  for (const { selector, value } of typed) {
    const control = /** @type {Control | null} */ (root.querySelector(selector));
    if (!control) continue;
    if (typeof value === "boolean") /** @type {HTMLInputElement} */ (control).checked = value;
    else control.value = value;
    if (control instanceof HTMLSelectElement) control.dataset.typed = "";
  }
}

/** @param {Control} control */
function selectorOf(control) {
  const panel = control.closest("[data-panel]");
  if (!(panel instanceof HTMLElement) || (!control.id && !control.name)) return "";
  const within = `[data-panel="${CSS.escape(panel.dataset.panel ?? "")}"] `;
  if (control.id) return `${within}#${CSS.escape(control.id)}`;
  const choice = /^(radio|checkbox)$/.test(control.type) ? `[value="${CSS.escape(control.value)}"]` : "";
  return `${within}[name="${CSS.escape(control.name)}"]${choice}`;
}
