// outside — when another app shows this page and gives it no camera: how to go on in the phone's browser, with the
// number kept. Needs data-role="outside"; the link in it carries the visit.
import { wayOut } from "../lib/help.js";
import { canCall, platform } from "../lib/platform.js";
import { part, write } from "./parts.js";

/** @param {HTMLElement} page */
export function offerWayOut(page) {
  const card = part(page, "outside");
  if (!card) return;
  const here = platform();
  card.hidden = canCall() || !globalThis.isSecureContext;
  write(card, "outside-way", wayOut(here));
}
