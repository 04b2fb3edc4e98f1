// device-help — what is wrong with camera or microphone and what to do about it, as parts of a page.
import { deviceHelp } from "../lib/help.js";

/** Nothing for `ok`. @param {string} reason a code of devices.js @returns {HTMLElement[]} */
export function helpParts(reason) {
  const { what, steps } = deviceHelp(reason);
  if (!what) return [];
  const list = document.createElement("ol");
  list.append(...steps.map((step) => withText("li", step)));
  return [withText("p", what), list];
}

/** @param {string} name @param {string} text */
function withText(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
