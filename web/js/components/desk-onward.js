// desk-onward — the call goes on elsewhere or later: put aside, passed on; and when the shift ends.
// Needs the dialogues "park" and "transfer" of agent/desk.html, whose panels are fetched as they open, and the
// form "shift" of the panel "status". Keyboard: Alt P and Alt T open them.
import { t } from "../lib/texts.js";
import { openDialogue } from "./dialogue.js";
import { part, post } from "./parts.js";
import { enhanceStreets } from "./streets.js";
import { say } from "./toast.js";

const DIALOGUES = ["park", "transfer"];

export class DeskOnward {
  /**
   * @param {HTMLElement} root
   * @param {(panels: string[]) => Promise<void>} renew
   */
  constructor(root, renew) {
    this.root = root;
    this.renew = renew;
    root.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Call after one of the panels was replaced. @param {string} name */
  refresh(name) {
    const place = this.root.querySelector(`[data-panel="${CSS.escape(name)}"]`);
    if (place && name === "transfer") enhanceStreets(place);
    const first = place?.querySelector("input:checked, select");
    const waiting = place?.closest("dialog[open]")?.contains(document.activeElement) && !place.contains(document.activeElement);
    if (first instanceof HTMLElement && waiting) first.focus();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const opener = event.target instanceof Element ? event.target.closest("[data-open-dialogue]") : null;
    const name = opener instanceof HTMLElement ? opener.dataset.openDialogue ?? "" : "";
    if (DIALOGUES.includes(name)) void this.renew([name]);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const name = { KeyP: "park", KeyT: "transfer" }[event.code] ?? "";
    const wanted = event.altKey && !event.ctrlKey && !event.metaKey && name;
    if (!wanted || !this.root.querySelector(`#open-${name}`) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    openDialogue(name);
    void this.renew([name]);
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const done = { park: t("Put aside; the citizen is told the time."), transfer: t("Passed on."), shift: t("Saved") }[form.dataset.role ?? ""];
    if (!done) return;
    event.preventDefault();
    if ("busy" in form.dataset) return;
    form.dataset.busy = "";
    event.submitter?.setAttribute("aria-busy", "true");
    void this.#send(form, done).finally(() => {
      delete form.dataset.busy;
      event.submitter?.removeAttribute("aria-busy");
    });
  }

  /**
   * @param {HTMLFormElement} form
   * @param {string} done
   */
  async #send(form, done) {
    const problem = await post(form.action, new URLSearchParams(/** @type {any} */ (new FormData(form))));
    const words = problem === null ? "" : problem || t("Not sent. Please try again.");
    const place = part(form, "problem");
    if (place) {
      place.textContent = words;
      place.hidden = words === "";
    }
    if (problem !== null) return place ? undefined : say(words, "attention");
    say(done);
    form.closest("dialog")?.close();
    form.closest("details")?.removeAttribute("open");
    await this.renew(["status"]);
  }
}
