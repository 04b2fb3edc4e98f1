// inbox.js — the approver's pages: pictures in full size, and a correction list that cannot be sent empty.
import { openDialogue } from "./components/dialogue.js";
import { part } from "./components/parts.js";
import { t } from "./lib/texts.js";

document.addEventListener("click", (event) => {
  const opener = event.target instanceof Element ? event.target.closest("[data-enlarge]") : null;
  const large = part(document, "photo");
  if (!(opener instanceof HTMLElement) || !(large instanceof HTMLImageElement)) return;
  large.src = opener.dataset.enlarge ?? "";
  large.alt = opener.querySelector("img")?.alt ?? "";
  openDialogue("photo");
});

/** Ticking a line moves the cursor to its note; a ticked line without a note, or no line at all, is not sent. */
for (const form of document.querySelectorAll("form[data-correction]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  const boxes = () => /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('input[name="target"]'));
  const noteOf = (/** @type {HTMLInputElement} */ box) => box.closest(".correction")?.querySelector(".correction__note");
  const judge = () => {
    const ticked = [...boxes()].filter((box) => box.checked);
    boxes()[0]?.setCustomValidity(ticked.length ? "" : t("Please tick what must be put right."));
    for (const box of boxes()) {
      const note = noteOf(box);
      if (note instanceof HTMLInputElement) note.required = box.checked;
    }
  };
  form.addEventListener("change", (event) => {
    judge();
    const box = event.target;
    const note = box instanceof HTMLInputElement && box.name === "target" && box.checked ? noteOf(box) : null;
    if (note instanceof HTMLElement) note.focus();
  });
  judge();
}
