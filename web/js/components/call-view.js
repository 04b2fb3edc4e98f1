// call-view — a call on the page: the other person large, oneself small, buttons that say what they do.
// Needs the markup of video_stage (parts/call.html) and a socket; keyboard: every control is a button.
import { Call } from "../lib/call.js";
import { openDevices } from "../lib/devices.js";
import { offersOver } from "../lib/offers.js";
import { t } from "../lib/texts.js";
import { closeDialogue, openDialogue } from "./dialogue.js";
import { part, video, write } from "./parts.js";
import { toggleTextSize } from "./preferences.js";

/** @import { CallState } from "../lib/call.js" */

const MEASURE_EVERY_MS = 2_000;
/** Loss and round trip above which a person notices; above the second, speech suffers. */
const FAIR = { lossPercent: 3, rttMs: 300 };
const POOR = { lossPercent: 10, rttMs: 700 };

/**
 * Events: "left" when the person chose to end the call, "further" for the stream of a third person (`detail` is
 * `{slot, stream}`), "stopped" when nothing is shown any more.
 */
export class CallView extends EventTarget {
  /** @type {Call | null} */ #call = null;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #measuring;
  /** @type {CallState} */ #state = "connecting";
  #peerSends = { camera: true, microphone: true };

  /**
   * @param {HTMLElement} stage
   * @param {import("../lib/socket.js").Socket} socket
   */
  constructor(stage, socket) {
    super();
    this.stage = stage;
    this.socket = socket;
    this.#wire();
    socket.on("call.renegotiate", ({ purpose, more }) => purpose === "call" && void this.#offerAgain(more));
    socket.on("peer.devices", (message) => this.#showPeer(message));
    socket.addEventListener("state", () => socket.state === "open" && this.#call && this.#tellDevices());
  }

  get running() {
    return this.#call !== null;
  }

  /** Take over a stream that is open already, for instance from the device test. @param {MediaStream | null} stream */
  use(stream) {
    if (!this.#call) this.#stream = stream;
  }

  /** Open the devices if need be and join. @param {{ pictured?: boolean }} [wanted] */
  async join({ pictured = true } = {}) {
    if (this.#call) return;
    const call = new Call({ sendOffer: offersOver(this.socket, "call") });
    this.#call = call;
    call.addEventListener("remote", (event) => this.#place(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("state", (event) => this.#showState(/** @type {CustomEvent} */ (event).detail));
    await this.#open(pictured);
    if (this.#call !== call) return;
    this.#measuring = setInterval(() => void this.#measure(), MEASURE_EVERY_MS);
    await call.start(this.#stream).catch(() => this.#showState("interrupted"));
    this.#tellDevices();
  }

  /** Answer the next agent on the connection that was kept. */
  async again() {
    await this.#call?.again().catch(() => this.#showState("interrupted"));
    this.#tellDevices();
  }

  /** Leave and let go of camera and microphone. */
  leave() {
    clearInterval(this.#measuring);
    this.#call?.stop();
    this.#call = null;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    for (const role of ["remote", "self"]) {
      video(this.stage, role).srcObject = null;
      video(this.stage, role).hidden = true;
    }
    closeDialogue("tap");
    this.dispatchEvent(new Event("stopped"));
  }

  /** @param {boolean} pictured */
  async #open(pictured) {
    if (!this.#stream) {
      const opened = await openDevices();
      this.#stream = opened.stream;
      this.reason = opened.reason;
    }
    if (!pictured) for (const track of this.#stream?.getVideoTracks() ?? []) track.enabled = false;
    const self = video(this.stage, "self");
    self.srcObject = this.#stream;
    self.hidden = !this.#stream?.getVideoTracks().length;
    this.#showOwn();
  }

  /** On the same connection if somebody joined, else on a new one. @param {boolean} [more] */
  async #offerAgain(more) {
    const again = more ? this.#call?.renegotiate() : this.#call?.rejoin();
    await again?.catch(() => this.#showState("interrupted"));
  }

  /**
   * @param {Call} call
   * @param {MediaStream} stream
   */
  #place(call, stream) {
    const slot = call.slotOf(stream);
    if (slot > 0) this.dispatchEvent(new CustomEvent("further", { detail: { slot, stream } }));
    else void this.#showRemote(stream);
  }

  /** @param {MediaStream} stream */
  async #showRemote(stream) {
    const remote = video(this.stage, "remote");
    remote.srcObject = stream;
    remote.hidden = false;
    try {
      await remote.play();
    } catch (reason) {
      if (reason instanceof DOMException && reason.name === "NotAllowedError") openDialogue("tap");
    }
  }

  /** @param {CallState} state */
  #showState(state) {
    this.#state = state;
    this.stage.dataset.state = state;
    write(this.stage, "quality", stateWords(state));
    write(this.stage, "waiting-text", stateWords(state));
    const waiting = part(this.stage, "waiting");
    if (waiting) waiting.hidden = state === "connected" && this.#peerSends.camera;
    if (state !== "connected") this.stage.dataset.quality = "none";
  }

  /** @param {{ camera: boolean, microphone: boolean, member?: string }} message */
  #showPeer({ camera, microphone, member }) {
    if (member) return;
    this.#peerSends = { camera, microphone };
    const waiting = part(this.stage, "waiting");
    if (waiting) waiting.hidden = this.#state === "connected" && camera;
    if (!camera) write(this.stage, "waiting-text", t("The other side has switched the camera off"));
    video(this.stage, "remote").classList.toggle("video-stage__remote--dark", !camera);
  }

  async #measure() {
    if (!this.#call || this.#state !== "connected") return;
    const { lossPercent, rttMs, framesDecoded } = await this.#call.stats();
    const over = (/** @type {typeof FAIR} */ limit) => (lossPercent ?? 0) > limit.lossPercent || (rttMs ?? 0) > limit.rttMs;
    const quality = over(POOR) ? "poor" : over(FAIR) ? "fair" : "good";
    this.stage.dataset.quality = quality;
    this.stage.dataset.frames = String(framesDecoded);
    write(this.stage, "quality", qualityWords(quality));
  }

  #wire() {
    part(this.stage, "microphone")?.addEventListener("click", () => this.#toggle("audio"));
    part(this.stage, "camera")?.addEventListener("click", () => this.#toggle("video"));
    part(this.stage, "text-size")?.addEventListener("click", toggleTextSize);
    part(this.stage, "hang-up")?.addEventListener("click", () => openDialogue("hang-up"));
    part(document, "hang-up-yes")?.addEventListener("click", () => this.#hangUp());
    part(document, "tap")?.addEventListener("click", () => {
      closeDialogue("tap");
      void video(this.stage, "remote").play();
    });
  }

  #hangUp() {
    closeDialogue("hang-up");
    this.socket.request("call.hang_up").catch(() => undefined);
    this.dispatchEvent(new Event("left"));
  }

  /** @param {"audio" | "video"} kind */
  #toggle(kind) {
    const track = this.#track(kind);
    if (!track) return;
    this.#call?.setMuted(kind, track.enabled);
    this.#showOwn();
    this.#tellDevices();
  }

  /** @param {"audio" | "video"} kind */
  #track(kind) {
    return this.#stream?.getTracks().find((track) => track.kind === kind);
  }

  #showOwn() {
    this.#showButton("microphone", this.#track("audio"), t("Mute"), t("Unmute"));
    this.#showButton("camera", this.#track("video"), t("Camera off"), t("Camera on"));
  }

  /**
   * @param {string} role
   * @param {MediaStreamTrack | undefined} track
   * @param {string} off what pressing does while it is on
   * @param {string} on
   */
  #showButton(role, track, off, on) {
    const button = part(this.stage, role);
    if (!(button instanceof HTMLButtonElement)) return;
    button.disabled = !track;
    button.setAttribute("aria-pressed", String(Boolean(track && !track.enabled)));
    const words = button.querySelector("span");
    if (words) words.textContent = track && !track.enabled ? on : off;
  }

  #tellDevices() {
    const camera = Boolean(this.#track("video")?.enabled);
    const microphone = Boolean(this.#track("audio")?.enabled);
    this.socket.say("call.devices", { camera, microphone, reason: this.reason ?? "ok" });
  }
}

/** @param {CallState} state */
function stateWords(state) {
  if (state === "connected") return t("Connected");
  if (state === "interrupted") return t("The picture is interrupted; reconnecting");
  return state === "failed" ? t("No connection; we keep trying") : t("Connecting");
}

/** @param {string} quality */
function qualityWords(quality) {
  if (quality === "poor") return t("Poor connection: move closer to the router or switch the camera off");
  return quality === "fair" ? t("Connection a little slow") : t("Good connection");
}
