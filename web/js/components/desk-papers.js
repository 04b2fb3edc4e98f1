// desk-papers — look at a paper in full size and say what it is worth. Keyboard: 1–9 verdict, arrows next and previous.
// Needs the dialogue #paper-view of agent/desk.html; the panel "materials" may be replaced at any time.
import { t } from "../lib/texts.js";
import { closeDialogue, openDialogue } from "./dialogue.js";
import { part, write } from "./parts.js";
import { say } from "./toast.js";

export class DeskPapers {
  #paper = "";

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   */
  constructor(root, socket) {
    this.root = root;
    this.socket = socket;
    root.addEventListener("click", (event) => this.#clicked(event));
    this.#view()?.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Call after the panel "materials" was replaced: the open paper may have a new verdict, or be gone. */
  refresh() {
    if (!this.#view()?.open) return;
    const button = this.#papers().find((paper) => paper.dataset.paper === this.#paper);
    if (button) this.#show(button);
    else closeDialogue("paper-view");
  }

  #view() {
    const view = document.getElementById("paper-view");
    return view instanceof HTMLDialogElement ? view : null;
  }

  /** @returns {HTMLElement[]} */
  #papers() {
    return [.../** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll('[data-role="open-paper"]'))];
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const opener = target?.closest('[data-role="open-paper"]');
    const approve = target?.closest('[data-role="paper-ok"]');
    const verdict = target?.closest("[data-verdict]:not([data-role])");
    if (opener instanceof HTMLElement) this.#show(opener);
    if (approve instanceof HTMLElement) void this.#judge(approve.dataset.paper ?? "", "ok");
    if (verdict instanceof HTMLElement) void this.#judge(this.#paper, verdict.dataset.verdict ?? "");
    if (target?.closest('[data-role="paper-previous"]')) this.#step(-1);
    if (target?.closest('[data-role="paper-next"]')) this.#step(1);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const verdicts = [...(this.#view()?.querySelectorAll("[data-verdict]") ?? [])];
    const chosen = verdicts[Number(event.key) - 1];
    if (chosen instanceof HTMLElement) void this.#judge(this.#paper, chosen.dataset.verdict ?? "");
    else if (event.key === "ArrowRight") this.#step(1);
    else if (event.key === "ArrowLeft") this.#step(-1);
    else return;
    event.preventDefault();
  }

  /** @param {number} by */
  #step(by) {
    const papers = this.#papers();
    const at = papers.findIndex((paper) => paper.dataset.paper === this.#paper);
    const next = papers[(at + by + papers.length) % papers.length];
    if (next) this.#show(next);
  }

  /** @param {HTMLElement} opener */
  #show(opener) {
    const view = this.#view();
    if (!view) return;
    this.#paper = opener.dataset.paper ?? "";
    const image = part(view, "paper-image");
    if (image instanceof HTMLImageElement && image.getAttribute("src") !== opener.dataset.url) {
      image.src = opener.dataset.url ?? "";
      image.alt = opener.dataset.title ?? "";
    }
    write(view, "paper-title", opener.dataset.title ?? "");
    write(view, "paper-hints", (opener.dataset.hints ?? "").trim());
    for (const button of view.querySelectorAll("[data-verdict]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.verdict === opener.dataset.verdict));
    }
    openDialogue("paper-view");
  }

  /**
   * @param {string} material
   * @param {string} verdict
   */
  async #judge(material, verdict) {
    if (!material || !verdict) return;
    try {
      await this.socket.request("material.judge", { material, verdict });
      if (this.#view()?.open && verdict === "ok") this.#toNextOpen(material);
    } catch (reason) {
      say((reason instanceof Error && reason.message) || t("Not sent. Please try again."), "attention");
    }
  }

  /** After "fine" the next paper nobody has looked at yet, or back to the desk. @param {string} judged */
  #toNextOpen(judged) {
    const next = this.#papers().find((paper) => paper.dataset.paper !== judged && paper.dataset.verdict === "pending");
    if (next) this.#show(next);
    else closeDialogue("paper-view");
  }
}
