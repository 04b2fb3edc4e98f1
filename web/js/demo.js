// demo.js — the codes on the demonstration page change every half minute and messages arrive: both are fetched again.
import { replaceKeeping } from "./lib/panels.js";

const EVERY_MS = 4_000;

async function renew() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return;
  const html = await answer.text();
  for (const place of document.querySelectorAll("[data-panel]")) replaceKeeping(/** @type {HTMLElement} */ (place), html);
}

setInterval(() => void renew(), EVERY_MS);
document.addEventListener("visibilitychange", () => void renew());
