// company — the forms of who else is in a call: sent in the background, the panel shows what came of it.
import { t } from "../lib/texts.js";
import { part, post } from "./parts.js";
import { say } from "./toast.js";

/**
 * @param {HTMLElement} root
 * @param {() => void} renew
 */
export function enhanceCompany(root, renew) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.role !== "company") return;
    event.preventDefault();
    if ("busy" in form.dataset) return;
    form.dataset.busy = "";
    void send(form, event.submitter, renew).finally(() => delete form.dataset.busy);
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} pressed
 * @param {() => void} renew
 */
async function send(form, pressed, renew) {
  const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  if (pressed instanceof HTMLButtonElement && pressed.name) body.set(pressed.name, pressed.value);
  const problem = await post(form.action, body);
  const words = problem === null ? "" : problem || t("Not sent. Please try again.");
  const place = part(form, "problem");
  if (place) {
    place.textContent = words;
    place.hidden = words === "";
  } else if (words) {
    say(words, "attention");
  }
  if (problem !== null) return;
  form.reset();
  form.closest("details")?.removeAttribute("open");
  renew();
}
