// printing — [data-print] prints the page; shown only where a script can do it.

/** @param {Document} root */
export function enhancePrinting(root) {
  for (const button of root.querySelectorAll("[data-print]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => globalThis.print());
  }
}
