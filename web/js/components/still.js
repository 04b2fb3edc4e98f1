// still — a sharp photo of a paper out of the running call: the back camera at its full resolution, without leaving
// the call for the phone's camera app. Agent and citizen see the paper together before it is taken.
// Needs the dialogue "still" and buttons data-still="<rule>". Keyboard: buttons.
import { openCamera } from "../lib/devices.js";
import { t } from "../lib/texts.js";
import { closeDialogue, openDialogue } from "./dialogue.js";
import { ask, csrf, part, post } from "./parts.js";
import { say } from "./toast.js";

const SHARP = { width: { ideal: 4_096 }, height: { ideal: 3_072 } };
const QUALITY = 0.92;

export class Still {
  #rule = "";

  /**
   * @param {HTMLElement} page
   * @param {import("./call-view.js").CallView} view
   * @param {() => void} sent
   */
  constructor(page, view, sent) {
    this.page = page;
    this.view = view;
    this.sent = sent;
    page.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("[data-still]") : null;
      if (button instanceof HTMLElement) void this.open(button.dataset.still ?? "");
    });
    part(document, "still-take")?.addEventListener("click", () => void this.#take());
    part(document, "still-close")?.addEventListener("click", () => void this.close());
    document.getElementById("still")?.addEventListener("close", () => void this.close());
    view.addEventListener("stopped", () => closeDialogue("still"));
  }

  /** @param {string} rule */
  async open(rule) {
    if (!this.view.running) return;
    this.#rule = rule;
    this.view.stream?.getVideoTracks()[0]?.stop();
    const { track } = await openCamera({ facing: "environment", size: SHARP });
    await this.view.sendPicture(track);
    if (!track) return say(t("No camera could be opened for the photo."), "attention");
    const preview = part(document, "still-picture");
    if (preview instanceof HTMLVideoElement) {
      preview.srcObject = new MediaStream([track]);
      void preview.play().catch(() => undefined);
    }
    openDialogue("still");
  }

  /** Back to the face. */
  async close() {
    if (!this.#rule) return;
    this.#rule = "";
    closeDialogue("still");
    const preview = part(document, "still-picture");
    if (preview instanceof HTMLVideoElement) preview.srcObject = null;
    if (!this.view.running) return;
    this.view.stream?.getVideoTracks()[0]?.stop();
    const { track } = await openCamera({ facing: "user" });
    await this.view.sendPicture(track);
  }

  async #take() {
    const track = this.view.stream?.getVideoTracks()[0];
    const preview = part(document, "still-picture");
    if (!track || !(preview instanceof HTMLVideoElement)) return;
    const photo = (await fromSensor(track)) ?? (await fromPicture(preview));
    if (!photo) return say(t("The photo could not be taken. Please try again."), "attention");
    const problem = await this.#send(photo);
    if (problem !== null) return say(problem || t("The photo did not arrive. Please try again."), "attention");
    say(t("The photo has been sent."));
    this.sent();
    await this.close();
  }

  /** Through the call where it has a way for photos, else as an upload. @param {Blob} photo */
  async #send(photo) {
    const address = `/visit/materials/${encodeURIComponent(this.#rule)}`;
    const sha256 = await this.view.call?.stills?.send(photo);
    if (sha256) {
      const { problem, told } = await ask(`${address}/still`, form("sha256", sha256));
      if (told?.code !== "unknown_still") return problem;
    }
    return post(address, form("file", photo));
  }
}

/**
 * A form with the page's token.
 * @param {string} name
 * @param {string | Blob} value
 */
function form(name, value) {
  const body = new FormData();
  body.set("csrf", csrf());
  if (value instanceof Blob) body.set(name, value, "photo.jpg");
  else body.set(name, value);
  return body;
}

/** The camera's own photo, larger than any video. @param {MediaStreamTrack} track @returns {Promise<Blob | null>} */
async function fromSensor(track) {
  const Capture = /** @type {any} */ (globalThis).ImageCapture;
  if (!Capture) return null;
  return new Capture(track).takePhoto().catch(() => null);
}

/** @param {HTMLVideoElement} preview @returns {Promise<Blob | null>} */
function fromPicture(preview) {
  const canvas = document.createElement("canvas");
  canvas.width = preview.videoWidth;
  canvas.height = preview.videoHeight;
  canvas.getContext("2d")?.drawImage(preview, 0, 0);
  return new Promise((made) => canvas.toBlob(made, "image/jpeg", QUALITY));
}
