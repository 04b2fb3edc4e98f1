// call-extras — the rarer buttons of a call: other camera, shared screen, picture in picture. Each is shown only
// where the browser can do it. Keyboard: buttons.
import { listDevices, openCamera } from "../lib/devices.js";
import { t } from "../lib/texts.js";
import { part } from "./parts.js";
import { say } from "./toast.js";

/** A shared page must be readable, not fluent. */
const SCREEN = { video: { frameRate: 10 }, audio: false };

export class CallExtras {
  /** Whether the camera was on before the screen was shared: who had it off is not filmed afterwards. */
  #filmed = false;

  /** @param {import("./call-view.js").CallView} view */
  constructor(view) {
    this.view = view;
    view.addEventListener("joined", () => void this.#offer());
    view.addEventListener("pictured", () => this.#press(this.#shared));
    view.addEventListener("stopped", () => this.#press(false));
    this.#on("switch-camera", () => view.switchCamera());
    this.#on("share-screen", () => this.#share());
    this.#on("small-window", () => this.#smallWindow());
  }

  async #offer() {
    const { cameras } = await listDevices();
    this.#show("switch-camera", cameras.length > 1);
    this.#show("share-screen", "getDisplayMedia" in (navigator.mediaDevices ?? {}));
    this.#show("small-window", document.pictureInPictureEnabled === true);
  }

  async #share() {
    if (this.#shared) return this.#unshare();
    const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN).catch(() => null);
    const track = stream?.getVideoTracks()[0];
    if (!track) return;
    track.contentHint = "detail";
    track.addEventListener("ended", () => void this.#unshare());
    this.#filmed = this.view.filmed;
    await this.view.sendPicture(track, { shown: true });
  }

  /** Whether a screen is being sent. */
  get #shared() {
    return this.view.stream?.getVideoTracks()[0]?.contentHint === "detail";
  }

  async #unshare() {
    if (!this.view.running || !this.#shared) return;
    const camera = this.#filmed ? (await openCamera({ facing: "user" })).track : null;
    await this.view.sendPicture(camera);
  }

  /** @param {boolean} pressed */
  #press(pressed) {
    const button = part(this.view.stage, "share-screen");
    button?.setAttribute("aria-pressed", String(pressed));
    const words = button?.querySelector("span");
    if (words) words.textContent = pressed ? t("Stop sharing") : t("Share screen");
  }

  async #smallWindow() {
    const picture = part(this.view.stage, "remote");
    if (!(picture instanceof HTMLVideoElement)) return;
    if (document.pictureInPictureElement) return document.exitPictureInPicture();
    await picture.requestPictureInPicture().catch(() => say(t("The small window could not be opened."), "attention"));
  }

  /** @param {string} role @param {() => unknown} act */
  #on(role, act) {
    part(this.view.stage, role)?.addEventListener("click", () => void act());
  }

  /** @param {string} role @param {boolean} shown */
  #show(role, shown) {
    part(this.view.stage, role)?.toggleAttribute("hidden", !shown);
  }
}
