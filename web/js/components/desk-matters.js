// desk-matters — the next matter of the same ticket, and the outcome of those that were not opened.
// Needs the forms of agent/matter_form.html in the panels "matters" and "outcome"; the keyboard path is the form's own.
import { t } from "../lib/texts.js";
import { part, post } from "./parts.js";
import { say } from "./toast.js";

export class DeskMatters {
  /**
   * @param {HTMLElement} root
   * @param {(panels: string[]) => void} renew
   */
  constructor(root, renew) {
    this.renew = renew;
    root.addEventListener("submit", (event) => this.#submitted(event));
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.role !== "matter") return;
    event.preventDefault();
    if ("busy" in form.dataset) return;
    form.dataset.busy = "";
    void this.#send(form).finally(() => delete form.dataset.busy);
  }

  /** @param {HTMLFormElement} form */
  async #send(form) {
    const problem = await post(form.action, new FormData(form));
    const words = problem === null ? "" : problem || t("Not sent. Please try again.");
    const place = part(form, "problem");
    if (place) {
      place.textContent = words;
      place.hidden = words === "";
    }
    if (problem !== null) return;
    say(t("Saved"));
    this.renew(["matters"]);
  }
}
