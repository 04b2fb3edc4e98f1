// player.js — the player: jumps to a moment without a new page, and keeps the mark over the picture on the whole screen.
import { part } from "./components/parts.js";

const stage = part(document, "stage");
const film = part(document, "film");
const whole = part(document, "whole-screen");

/** The picture alone on the whole screen would leave the mark behind: then the stage takes its place. */
function keepMark() {
  if (!stage || !(film instanceof HTMLVideoElement) || document.fullscreenElement !== film) return;
  void document.exitFullscreen().then(() => stage.requestFullscreen());
}

if (stage && film instanceof HTMLVideoElement) {
  document.addEventListener("fullscreenchange", keepMark);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("[data-at]") : null;
    if (!(link instanceof HTMLElement)) return;
    event.preventDefault();
    film.currentTime = Number(link.dataset.at);
    void film.play();
  });
  if (whole instanceof HTMLButtonElement && document.fullscreenEnabled) {
    whole.hidden = false;
    whole.addEventListener("click", () => {
      void (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen());
    });
  }
}
