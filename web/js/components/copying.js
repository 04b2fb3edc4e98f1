// copying — [data-copy] copies its text, [data-share] offers the phone's own share sheet; both say what happened.
import { say } from "./toast.js";

/** @param {HTMLElement} button */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy ?? "");
    say(button.dataset.copied ?? "");
  } catch {
    const shown = document.querySelector(button.dataset.shownIn ?? "#none");
    if (shown instanceof HTMLInputElement) shown.select();
  }
}

/** @param {HTMLElement} button */
async function share(button) {
  try {
    await navigator.share({ title: document.title, url: button.dataset.share ?? location.href });
  } catch {
    // Closing the share sheet is an answer, not an error.
  }
}

/** @param {Document} root */
export function enhanceCopying(root) {
  if ("share" in navigator) {
    for (const button of root.querySelectorAll("[data-share][hidden]")) button.removeAttribute("hidden");
  }
  root.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const copier = target?.closest("[data-copy]");
    const sharer = target?.closest("[data-share]");
    if (copier instanceof HTMLElement) void copy(copier);
    if (sharer instanceof HTMLElement) void share(sharer);
  });
}
