// desk-steps — identity, read-back, handing in, decision and outcome: forms whose answer is a renewed panel.
import { t } from "../lib/texts.js";
import { openDialogue } from "./dialogue.js";
import { part, post } from "./parts.js";
import { say } from "./toast.js";

/** A lost answer is asked for again with the same idempotency key; the server does the work once. */
const TRIES = 3;
const PAUSE_MS = 1_500;
/** Notices are printed after the answer; by then they are there to be opened. */
const PRINTED_MS = 4_000;

export class DeskSteps {
  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   * @param {(panels: string[]) => void} renew
   */
  constructor(root, socket, renew) {
    this.root = root;
    this.socket = socket;
    this.renew = renew;
    root.addEventListener("submit", (event) => this.#submitted(event));
    root.addEventListener("change", (event) => this.#chosen(event));
  }

  /** Call after the panel "outcome" was replaced: it cannot be waved away. */
  refresh() {
    openDialogue("outcome");
    const dialogue = document.getElementById("outcome");
    dialogue?.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const work = {
      identity: () => this.#identity(form, event.submitter),
      "read-back": () => this.#ask(form, "read_back.start", {}),
      submit: () => this.#send(form, event.submitter, t("Handed in")),
      decide: () => this.#decide(form, event.submitter),
      outcome: () => this.#outcome(form, event.submitter),
    }[form.dataset.role ?? ""];
    if (!work) return;
    event.preventDefault();
    if ("busy" in form.dataset) return;
    form.dataset.busy = "";
    event.submitter?.setAttribute("aria-busy", "true");
    void work().finally(() => {
      delete form.dataset.busy;
      event.submitter?.removeAttribute("aria-busy");
    });
  }

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   */
  async #identity(form, submitter) {
    const method = String(new FormData(form).get("method") ?? "");
    await this.#ask(form, "identity.check", { method, result: valueOf(submitter) });
  }

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   */
  async #decide(form, submitter) {
    const reasons = part(form, "reasons");
    const denied = valueOf(submitter) === "deny";
    if (denied && reasons instanceof HTMLTextAreaElement && !reasons.value.trim()) {
      reasons.focus();
      return say(t("Please give the reasons for denying."), "attention");
    }
    return this.#send(form, submitter, denied ? t("Denied") : t("Approved and issued"));
  }

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   * @param {string} done
   */
  async #send(form, submitter, done) {
    const body = new FormData(form);
    if (submitter instanceof HTMLButtonElement && submitter.name) body.set(submitter.name, submitter.value);
    let problem = await post(form.action, body);
    for (let again = 1; problem === "" && again < TRIES; again += 1) {
      await new Promise((next) => setTimeout(next, PAUSE_MS));
      problem = await post(form.action, body);
    }
    if (problem === null) say(done);
    else say(problem || t("No answer from the server. Press again; nothing is done twice."), "attention");
    this.renew(["decision", "matters", "read_back", "citizen", "materials", "form"]);
    setTimeout(() => this.renew(["decision"]), PRINTED_MS);
  }

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   */
  async #outcome(form, submitter) {
    const chosen = new FormData(form);
    const fields = { outcome: String(chosen.get("outcome") ?? ""), note: String(chosen.get("note") ?? "").trim(), next: valueOf(submitter) };
    if (!fields.note && needsNote(form)) return this.#complain(form, t("Please write a note for this outcome."));
    try {
      await this.socket.request("session.outcome", fields);
      const dialogue = form.closest("dialog");
      if (dialogue instanceof HTMLDialogElement) dialogue.close();
    } catch (reason) {
      this.#complain(form, (reason instanceof Error && reason.message) || t("Not sent. Please try again."));
    }
  }

  /**
   * @param {HTMLFormElement} form
   * @param {string} text
   */
  #complain(form, text) {
    const place = part(form, "outcome-error");
    if (!place) return;
    place.textContent = text;
    place.hidden = text === "";
    if (needsNote(form)) form.querySelector("textarea")?.focus();
  }

  /** The note's label says whether it may stay empty. @param {Event} event */
  #chosen(event) {
    const form = event.target instanceof HTMLInputElement ? event.target.form : null;
    if (form?.dataset.role !== "outcome") return;
    const optional = part(form, "note-optional");
    if (optional) optional.hidden = needsNote(form);
  }

  /**
   * @param {HTMLFormElement} form
   * @param {string} type
   * @param {Record<string, unknown>} fields
   */
  async #ask(form, type, fields) {
    try {
      await this.socket.request(type, fields);
    } catch (reason) {
      say((reason instanceof Error && reason.message) || t("Not sent. Please try again."), "attention");
      form.querySelector("button")?.focus();
    }
  }
}

/** @param {HTMLElement | null} submitter */
function valueOf(submitter) {
  return submitter instanceof HTMLButtonElement ? submitter.value : "";
}

/** @param {HTMLFormElement} form */
function needsNote(form) {
  return form.querySelector("[data-needs-note]:checked") !== null;
}
