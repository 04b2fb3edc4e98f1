// live-form.js — one form seen by two people: sends each edit, shows the other side's, asks for confirmation.
// Needs `.live-field` wrappers (parts/live_field.html) anywhere under `root`; they may be replaced at any time.

import { Refused } from "../lib/socket.js";
import { t } from "../lib/texts.js";

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @typedef {"citizen" | "agent"} Side */
/**
 * @typedef {object} FormChanged
 * @property {string} field
 * @property {any} shown
 * @property {"proposed" | "confirmed" | "empty"} standing
 * @property {string} author
 * @property {number} version
 * @property {string | null} error_code
 * @property {string | null} error_text
 * @property {boolean} hidden
 */

const PAUSE_MS = 700;
const LEASE_AGAIN_MS = 2_000;

export class LiveForm {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} edits that wait for a pause in typing */
  #waiting = new Map();
  /** @type {Set<string>} fields whose last edit has not reached the server */
  #unsent = new Set();
  /** @type {Record<string, unknown>[]} edits of a form that is no longer shown, not yet at the server */
  #late = [];
  #shown = 0;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} leases of the other side */
  #leases = new Map();
  /** @type {string | null} */
  #focused = null;
  #leasedAt = 0;

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   * @param {Side} side
   */
  constructor(root, socket, side) {
    this.root = root;
    this.socket = socket;
    this.side = side;
    root.addEventListener("input", (event) => this.#typed(event));
    root.addEventListener("change", (event) => this.#changed(event));
    root.addEventListener("focusin", (event) => this.#focus(fieldOf(event.target)));
    root.addEventListener("focusout", () => this.#focus(null));
    root.addEventListener("click", (event) => this.#clicked(event));
    socket.on("form.changed", (message) => this.show(message));
    socket.on("form.focused", (message) => this.#lease(message));
    socket.addEventListener("state", () => this.#sendAgain());
    this.refresh();
  }

  /** Call after the wrappers were replaced by new ones from the server. */
  refresh() {
    for (const wrapper of this.#wrappers()) {
      for (const select of wrapper.querySelectorAll("select[data-of]")) filterStreets(/** @type {HTMLSelectElement} */ (select));
      if (this.#unsent.has(wrapper.dataset.field ?? "")) wrapper.dataset.state = "checking";
    }
  }

  /** Send at once what waits for a pause in typing: another form is about to take the place of this one. */
  hasten() {
    for (const field of [...this.#waiting.keys()]) void this.#send(field);
    this.#shown += 1;
    this.#unsent.clear();
    for (const lease of [...this.#leases.keys()]) this.#release(lease);
    this.#focused = null;
  }

  /**
   * Show one field's present state as the server told it.
   * @param {FormChanged} message
   */
  show(message) {
    const wrapper = this.#wrapper(message.field);
    if (!wrapper || message.version < Number(wrapper.dataset.version)) return;
    wrapper.dataset.version = String(message.version);
    wrapper.dataset.standing = message.standing;
    wrapper.hidden = message.hidden;
    if (!this.#waiting.has(message.field) && !this.#unsent.has(message.field)) fill(wrapper, message.shown);
    setText(wrapper, "author", authorText(this.side, wrapper, message.author));
    setText(wrapper, "error", message.error_text ?? "");
    wrapper.toggleAttribute("data-invalid", Boolean(message.error_code));
    for (const control of controlsOf(wrapper)) control.setAttribute("aria-invalid", String(Boolean(message.error_code)));
    const confirm = wrapper.querySelector('[data-role="confirm"]');
    if (confirm instanceof HTMLElement) confirm.hidden = message.standing !== "proposed";
    if (!this.#leases.has(message.field)) wrapper.dataset.state = message.standing;
    wrapper.dispatchEvent(new CustomEvent("live-field", { bubbles: true, detail: message }));
  }

  /** Which call an edit is about, for a line that carries several. */
  get about() {
    const { front } = /** @type {{ front?: string }} */ (this.socket);
    return front ? { session: front } : {};
  }

  /** @returns {HTMLElement[]} */
  #wrappers() {
    return [...this.root.querySelectorAll(".live-field")].filter((part) => part instanceof HTMLElement);
  }

  /** @param {string} field */
  #wrapper(field) {
    return /** @type {HTMLElement | null} */ (this.root.querySelector(`.live-field[data-field="${CSS.escape(field)}"]`));
  }

  /** @param {Event} event */
  #typed(event) {
    const wrapper = fieldOf(event.target);
    const control = event.target;
    if (!wrapper?.dataset.field || !isText(control)) return;
    const field = wrapper.dataset.field;
    clearTimeout(this.#waiting.get(field));
    this.#waiting.set(field, setTimeout(() => void this.#send(field), PAUSE_MS));
    this.#renewLease(field);
  }

  /** @param {Event} event */
  #changed(event) {
    const wrapper = fieldOf(event.target);
    if (!wrapper?.dataset.field) return;
    if (event.target instanceof HTMLSelectElement) {
      event.target.dataset.typed = "";
      for (const select of wrapper.querySelectorAll("select[data-of]")) filterStreets(/** @type {HTMLSelectElement} */ (select));
    }
    void this.#send(wrapper.dataset.field);
  }

  /** @param {string} field */
  async #send(field) {
    clearTimeout(this.#waiting.get(field));
    this.#waiting.delete(field);
    const wrapper = this.#wrapper(field);
    if (!wrapper) return;
    const value = read(wrapper);
    if (value === undefined) return;
    this.#unsent.add(field);
    wrapper.dataset.state = "checking";
    const shown = this.#shown;
    const edit = { field, value, base: Number(wrapper.dataset.version), ...this.about };
    try {
      await this.socket.request("form.set", edit);
      if (shown === this.#shown) this.#unsent.delete(field);
    } catch (reason) {
      if (shown !== this.#shown) {
        if (reason instanceof Refused && reason.again) this.#late.push(edit);
        return;
      }
      if (reason instanceof Refused && reason.again) return setText(wrapper, "author", t("Not sent yet; we keep trying."));
      this.#unsent.delete(field);
      wrapper.dataset.state = wrapper.dataset.standing;
      setText(wrapper, "error", reason instanceof Error ? reason.message : String(reason));
      wrapper.setAttribute("data-invalid", "");
    }
  }

  #sendAgain() {
    if (this.socket.state !== "open") return;
    for (const edit of this.#late.splice(0)) {
      this.socket.request("form.set", edit).catch((reason) => reason instanceof Refused && reason.again && this.#late.push(edit));
    }
    for (const field of [...this.#unsent]) void this.#send(field);
  }

  /** @param {HTMLElement | null} wrapper */
  #focus(wrapper) {
    const field = wrapper?.dataset.field ?? null;
    if (field === this.#focused) return;
    this.#focused = field;
    this.#leasedAt = Date.now();
    this.socket.say("form.focus", { field });
  }

  /** @param {string} field */
  #renewLease(field) {
    if (Date.now() - this.#leasedAt < LEASE_AGAIN_MS) return;
    this.#leasedAt = Date.now();
    this.socket.say("form.focus", { field });
  }

  /** @param {{ field: string | null, by: string, seconds: number }} message */
  #lease({ field, by, seconds }) {
    if (by === this.side) return;
    for (const held of [...this.#leases.keys()]) if (held !== field) this.#release(held);
    const wrapper = field ? this.#wrapper(field) : null;
    if (!field || !wrapper) return;
    clearTimeout(this.#leases.get(field));
    this.#leases.set(field, setTimeout(() => this.#release(field), seconds * 1_000));
    wrapper.dataset.state = "typing";
    setText(wrapper, "author", by === "citizen" ? t("The citizen is typing…") : t("The agent is typing…"));
  }

  /** @param {string} field */
  #release(field) {
    clearTimeout(this.#leases.get(field));
    this.#leases.delete(field);
    const wrapper = this.#wrapper(field);
    if (!wrapper || wrapper.dataset.state !== "typing") return;
    wrapper.dataset.state = wrapper.dataset.standing ?? "empty";
    setText(wrapper, "author", authorText(this.side, wrapper, wrapper.dataset.author ?? ""));
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element ? event.target.closest('[data-role="confirm"]') : null;
    const wrapper = fieldOf(event.target);
    if (!(button instanceof HTMLButtonElement) || !wrapper) return;
    event.preventDefault();
    button.disabled = true;
    this.socket
      .request("form.confirm", { field: wrapper.dataset.field, version: Number(wrapper.dataset.version) })
      .catch((reason) => setText(wrapper, "error", reason.message || t("Not sent yet; we keep trying.")))
      .finally(() => (button.disabled = false));
  }
}

/**
 * @param {EventTarget | null} target
 * @returns {HTMLElement | null}
 */
function fieldOf(target) {
  return target instanceof Element ? target.closest(".live-field") : null;
}

/** @param {EventTarget | null} control */
function isText(control) {
  if (control instanceof HTMLTextAreaElement) return true;
  return control instanceof HTMLInputElement && !/^(radio|checkbox|date|month)$/.test(control.type);
}

/**
 * @param {HTMLElement} wrapper
 * @returns {Control[]}
 */
function controlsOf(wrapper) {
  return [.../** @type {NodeListOf<Control>} */ (wrapper.querySelectorAll("input[name], select[name], textarea[name]"))];
}

/**
 * The value as the server wants it for this type; undefined while an address or account is half filled.
 * @param {HTMLElement} wrapper
 */
export function read(wrapper) {
  const controls = controlsOf(wrapper);
  const checked = controls.filter((control) => control instanceof HTMLInputElement && control.checked);
  switch (wrapper.dataset.type) {
    case "bool":
      return controls[0] instanceof HTMLInputElement && controls[0].type === "radio"
        ? checked.map((control) => control.value === "true")[0]
        : checked.length > 0;
    case "enums":
      return checked.map((control) => control.value);
    case "addr":
    case "bank": {
      const parts = Object.fromEntries(controls.map((control) => [control.name.split(".").at(-1), control.value.trim()]));
      const filled = Object.values(parts).filter(Boolean).length;
      return filled === controls.length ? parts : filled === 0 ? null : undefined;
    }
    default:
      if (controls[0] instanceof HTMLInputElement && controls[0].type === "radio") return checked[0]?.value ?? null;
      return controls[0]?.value.trim() || null;
  }
}

/**
 * @param {HTMLElement} wrapper
 * @param {any} value
 */
function fill(wrapper, value) {
  for (const control of controlsOf(wrapper)) {
    const part = control.name.includes(".") ? control.name.split(".").at(-1) ?? "" : "";
    const own = part && value && typeof value === "object" ? value[part] : value;
    if (control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type)) {
      control.checked = wrapper.dataset.type === "bool" && control.type === "checkbox" ? value === true
        : Array.isArray(value) ? value.includes(control.value) : String(value ?? "") === control.value;
      control.defaultChecked = control.checked;
    } else if (control instanceof HTMLSelectElement) {
      delete control.dataset.typed;
      control.value = typeof own === "string" ? own : "";
    } else {
      fillText(wrapper, control, typeof own === "string" ? own : "");
    }
  }
  for (const select of wrapper.querySelectorAll("select[data-of]")) filterStreets(/** @type {HTMLSelectElement} */ (select));
}

/**
 * A masked value stands in the place of the hint: it can be replaced but is no text to edit.
 * @param {HTMLElement} wrapper
 * @param {HTMLInputElement | HTMLTextAreaElement} control
 * @param {string} text
 */
function fillText(wrapper, control, text) {
  const masked = "masked" in wrapper.dataset;
  if (masked) control.placeholder = text;
  control.value = masked ? "" : text;
  control.defaultValue = control.value;
}

/**
 * Offer only the streets of the chosen district.
 * @param {HTMLSelectElement} streets
 */
function filterStreets(streets) {
  const district = /** @type {HTMLSelectElement | null} */ (streets.closest(".live-field")?.querySelector(`[name="${CSS.escape(streets.dataset.of ?? "")}"]`));
  if (!district) return;
  for (const group of streets.querySelectorAll("optgroup")) {
    group.hidden = group.disabled = group.dataset.district !== district.value;
  }
  if (streets.value && !streets.value.startsWith(district.value)) streets.value = "";
}

/**
 * @param {HTMLElement} wrapper
 * @param {string} role
 * @param {string} text
 */
function setText(wrapper, role, text) {
  const place = wrapper.querySelector(`[data-role="${role}"]`);
  if (!(place instanceof HTMLElement) || place.textContent === text) return;
  place.textContent = text;
  place.hidden = text === "";
}

/**
 * What a field's standing means to the person reading.
 * @param {Side} side
 * @param {HTMLElement} wrapper
 * @param {string} author
 */
function authorText(side, wrapper, author) {
  wrapper.dataset.author = author;
  const standing = wrapper.dataset.standing;
  if (standing === "empty" && side === "agent" && "required" in wrapper.dataset) return t("Not filled in");
  if (standing === "proposed") {
    return side === "agent" ? t("To be confirmed") : t("Filled in by the agent; please check");
  }
  if (standing !== "confirmed") return "";
  if (side === "agent") return author === "citizen" ? t("By the citizen") : t("Citizen confirmed");
  return t("Confirmed by you");
}
