// forms — a sent form shows that it works and is not sent twice; a page with mistakes starts at their list.

/** @param {SubmitEvent} event */
function markBusy(event) {
  const button = event.submitter;
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  if (button?.classList.contains("button")) button.setAttribute("aria-busy", "true");
}

/** A page taken from the browser's back-forward store must be usable again. @param {ParentNode} root */
function forgetBusy(root) {
  for (const form of root.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
  for (const button of root.querySelectorAll('.button[aria-busy="true"]')) button.removeAttribute("aria-busy");
}

/** The browser's own words for a chosen file are in its language, not the page's. @param {Event} event */
function nameFile(event) {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || input.type !== "file") return;
  const place = input.closest(".file-drop")?.querySelector('[data-role="file-name"]');
  if (place) place.textContent = [...(input.files ?? [])].map((file) => file.name).join(", ");
}

/** @param {Document} root */
export function enhanceForms(root) {
  root.addEventListener("submit", markBusy);
  root.addEventListener("change", nameFile);
  addEventListener("pageshow", (event) => event.persisted && forgetBusy(root));
  const mistakes = root.querySelector("[data-take-focus]");
  if (mistakes instanceof HTMLElement) mistakes.focus();
}
