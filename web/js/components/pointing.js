// pointing — the agent points at a place of the shared form, the citizen sees the mark there. Nothing is changed.
// The agent's side needs a button data-role="point"; keyboard: with it pressed, the field that has the focus is
// pointed at as a whole.
import { part } from "./parts.js";

const EVERY_MS = 100;
const SHOWN_MS = 6_000;

/**
 * @param {HTMLElement} desk
 * @param {import("../lib/socket.js").Socket} socket
 */
export function pointAtFields(desk, socket) {
  const button = part(desk, "point");
  let on = false;
  let last = 0;
  let pointed = "";
  const tell = (/** @type {string | null} */ field, x = 0.5, y = 0.5) => {
    pointed = field ?? "";
    socket.say("form.point", { field, x, y });
  };
  const press = (/** @type {boolean} */ pressed) => {
    on = pressed;
    button?.setAttribute("aria-pressed", String(on));
    desk.toggleAttribute("data-pointing", on);
    if (!on && pointed) tell(null);
  };
  button?.addEventListener("click", () => press(!on));
  desk.addEventListener("keydown", (event) => on && event.key === "Escape" && press(false));
  desk.addEventListener("pointermove", (event) => {
    if (!on || performance.now() - last < EVERY_MS) return;
    last = performance.now();
    const field = fieldOf(event.target);
    if (!field) return void (pointed && tell(null));
    const box = field.getBoundingClientRect();
    tell(field.dataset.field ?? null, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
  desk.addEventListener("focusin", (event) => {
    const field = on ? fieldOf(event.target) : null;
    if (field) tell(field.dataset.field ?? null);
  });
}

/**
 * @param {HTMLElement} page
 * @param {import("../lib/socket.js").Socket} socket
 */
export function showPointing(page, socket) {
  const mark = document.createElement("span");
  mark.className = "pointer-mark";
  mark.setAttribute("aria-hidden", "true");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let fading;
  socket.on("form.pointed", ({ field, x, y }) => {
    clearTimeout(fading);
    const place = field && page.querySelector(`.live-field[data-field="${CSS.escape(field)}"]`);
    for (const other of page.querySelectorAll("[data-pointed]")) if (other !== place) other.removeAttribute("data-pointed");
    if (!(place instanceof HTMLElement)) return mark.remove();
    if (!place.hasAttribute("data-pointed")) place.scrollIntoView({ block: "nearest", behavior: "smooth" });
    place.setAttribute("data-pointed", "");
    mark.style.setProperty("--x", `${x * 100}%`);
    mark.style.setProperty("--y", `${y * 100}%`);
    place.append(mark);
    fading = setTimeout(() => {
      mark.remove();
      place.removeAttribute("data-pointed");
    }, SHOWN_MS);
  });
}

/** @param {EventTarget | null} target */
function fieldOf(target) {
  const field = target instanceof Element ? target.closest(".live-field[data-field]") : null;
  return field instanceof HTMLElement ? field : null;
}
