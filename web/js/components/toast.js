// toast — says what just happened, aloud for screen readers too, and goes after a while. Never the only place of an error.

/** Long enough to read forty characters slowly. */
const SHOWN_MS = 6000;

/** @param {string} text @param {"quiet" | "attention"} tone */
export function say(text, tone = "quiet") {
  const place = document.getElementById("toasts");
  if (!place || !text) return;
  const line = document.createElement("p");
  line.className = tone === "attention" ? "toast toast--attention" : "toast";
  line.textContent = text;
  place.append(line);
  setTimeout(() => line.remove(), SHOWN_MS);
}
