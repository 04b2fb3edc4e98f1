// dialogue — opens a <dialog> by [data-open-dialogue=ID], closes it by [data-close-dialogue] or the veil.
// Escape is the browser's own, except for [data-must], which waits for an answer.

/** @param {HTMLDialogElement} dialogue */
function guardMust(dialogue) {
  if (!("must" in dialogue.dataset)) return;
  dialogue.addEventListener("cancel", (event) => event.preventDefault());
}

/** Open the dialogue named ``id``, if it is not open yet. @param {string} id */
export function openDialogue(id) {
  const dialogue = document.getElementById(id);
  if (!(dialogue instanceof HTMLDialogElement) || dialogue.open) return;
  dialogue.showModal();
}

/** @param {string} id */
export function closeDialogue(id) {
  const dialogue = document.getElementById(id);
  if (dialogue instanceof HTMLDialogElement) dialogue.close();
}

/** @param {MouseEvent} event */
function answerClick(event) {
  const target = event.target;
  if (!(target instanceof Element)) return;
  const opener = target.closest("[data-open-dialogue]");
  if (opener instanceof HTMLElement) openDialogue(opener.dataset.openDialogue ?? "");
  const dialogue = target.closest("dialog");
  const onVeil = target === dialogue && !("must" in dialogue.dataset);
  if (dialogue && (onVeil || target.closest("[data-close-dialogue]"))) dialogue.close();
}

/** @param {Document} root */
export function enhanceDialogues(root) {
  root.addEventListener("click", answerClick);
  for (const dialogue of root.querySelectorAll("dialog.dialogue")) {
    if (!(dialogue instanceof HTMLDialogElement)) continue;
    guardMust(dialogue);
    if ("open" in dialogue.dataset) openDialogue(dialogue.id);
  }
}
