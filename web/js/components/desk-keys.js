// desk-keys — the desk without a mouse. Alt with 1–3 goes to a column, Alt M and Alt V to the buttons of the call;
// Enter in a one-line field of the form goes on to the next one.
import { part } from "./parts.js";

const PANES = ["pane-call", "pane-form", "pane-papers"];
const FIRST = "input:not([type=hidden]):not(:disabled), select:not(:disabled), textarea:not(:disabled), button:not(:disabled)";

/** @param {HTMLElement} root */
export function enhanceKeys(root) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || root.dataset.stage !== "in_call") return;
    if (event.altKey && !event.ctrlKey && !event.metaKey) pressWithAlt(root, event);
    else if (event.key === "Enter") goOn(event);
  });
  root.addEventListener("click", (event) => {
    const go = event.target instanceof Element ? event.target.closest("[data-go]") : null;
    if (go instanceof HTMLElement) toOpenField(root, go.dataset.go ?? "");
  });
}

/**
 * @param {HTMLElement} root
 * @param {KeyboardEvent} event
 */
function pressWithAlt(root, event) {
  const pane = PANES[Number(event.code.replace("Digit", "")) - 1];
  const role = { KeyM: "microphone", KeyV: "camera" }[event.code];
  if (pane) toPane(pane);
  else if (role) part(root, role)?.click();
  else return;
  event.preventDefault();
}

/** @param {string} id */
function toPane(id) {
  const tab = document.getElementById(`tab-${id}`);
  if (tab?.offsetParent) tab.click();
  const pane = document.getElementById(id);
  const preferred = pane?.querySelector('[data-role="chat-form"] input') ?? pane?.querySelector(FIRST);
  if (preferred instanceof HTMLElement) preferred.focus();
}

/** @param {KeyboardEvent} event */
function goOn(event) {
  const from = event.target;
  const form = from instanceof HTMLInputElement ? from.form : null;
  if (!(from instanceof HTMLInputElement) || form?.dataset.role !== "form") return;
  event.preventDefault();
  const stops = /** @type {HTMLElement[]} */ ([...form.querySelectorAll(FIRST)]).filter((stop) => stop.offsetParent);
  stops[stops.indexOf(from) + 1]?.focus();
}

/**
 * @param {HTMLElement} root
 * @param {string} standing empty or proposed
 */
function toOpenField(root, standing) {
  const only = standing === "empty" ? "[data-required]" : "";
  const wrapper = root.querySelector(`.live-field[data-standing="${CSS.escape(standing)}"]${only}:not([hidden])`);
  wrapper?.scrollIntoView({ block: "center", behavior: "smooth" });
  const control = wrapper?.querySelector(FIRST);
  if (control instanceof HTMLElement) control.focus({ preventScroll: true });
}
