// device-test — before the call: does the camera see, does the microphone hear, does the way to the server carry?
// The result is said in words and told to the server, so that the agent knows before answering.
import { Call } from "../lib/call.js";
import { LevelMeter, openDevices } from "../lib/devices.js";
import { offersOver } from "../lib/offers.js";
import { t } from "../lib/texts.js";
import { waysOver } from "../lib/ways.js";
import { part, video } from "./parts.js";

/** How long the echo may take to come back, and how long it is measured. */
const ECHO_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 500;
const LEVEL_EVERY_MS = 80;

export class DeviceTest {
  /** @type {import("../lib/devices.js").OpenedDevices | null} */ #opened = null;
  /** @type {Call | null} */ #call = null;
  /** @type {LevelMeter | null} */ #meter = null;
  /** @type {ReturnType<typeof setInterval>[]} */ #timers = [];

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   * @param {() => void} reported called when the server knows the result
   */
  constructor(root, socket, reported) {
    this.root = root;
    this.socket = socket;
    this.reported = reported;
    root.hidden = false;
    part(root, "test-start")?.addEventListener("click", () => void this.start());
    part(root, "test-stop")?.addEventListener("click", () => this.stop());
  }

  /** Whether camera or microphone are open now. */
  get open() {
    return Boolean(this.#opened?.stream);
  }

  /** The open stream, handed over once: whoever takes it also closes it. */
  takeStream() {
    const stream = this.#opened?.stream ?? null;
    this.#opened = null;
    this.stop();
    return stream;
  }

  async start() {
    this.stop();
    this.#say(t("Please allow camera and microphone"));
    const opened = await openDevices();
    this.#opened = opened;
    this.#showButtons(true);
    if (!opened.stream) return this.#finish({ echo: false });
    this.#showOwn(opened.stream, opened.video);
    this.#listen(opened.stream, opened.audio);
    this.#say(t("Trying the way to the server"));
    await this.#tryEcho(opened.stream);
  }

  stop() {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#call?.stop();
    this.#call = null;
    void this.#meter?.stop().catch(() => undefined);
    this.#meter = null;
    for (const track of this.#opened?.stream?.getTracks() ?? []) track.stop();
    this.#opened = null;
    for (const role of ["test-video", "test-echo"]) video(this.root, role).srcObject = null;
    for (const role of ["test-picture", "test-echo", "test-sound"]) this.#show(role, false);
    this.#showButtons(false);
    this.#say("");
  }

  /**
   * @param {MediaStream} stream
   * @param {boolean} pictured
   */
  #showOwn(stream, pictured) {
    video(this.root, "test-video").srcObject = stream;
    this.#show("test-picture", pictured);
  }

  /**
   * @param {MediaStream} stream
   * @param {boolean} heard
   */
  #listen(stream, heard) {
    if (!heard) return;
    const meter = new LevelMeter(stream);
    this.#meter = meter;
    this.#show("test-sound", true);
    const bar = part(this.root, "level");
    void meter.resume();
    this.#timers.push(setInterval(() => bar instanceof HTMLMeterElement && (bar.value = meter.level), LEVEL_EVERY_MS));
  }

  /** @param {MediaStream} stream */
  async #tryEcho(stream) {
    const call = new Call({ sendOffer: offersOver(this.socket, "echo"), findWays: waysOver(this.socket) });
    this.#call = call;
    const started = performance.now();
    call.addEventListener("remote", (event) => {
      const echo = video(this.root, "test-echo");
      echo.srcObject = /** @type {CustomEvent} */ (event).detail;
      echo.muted = true;
      echo.hidden = false;
    });
    this.#timers.push(setInterval(() => void this.#look(call, started), LOOK_EVERY_MS));
    await call.start(stream).catch(() => undefined);
  }

  /**
   * @param {Call} call
   * @param {number} started
   */
  async #look(call, started) {
    if (this.#call !== call) return;
    const stats = await call.stats();
    const back = this.#opened?.video ? stats.framesDecoded > 0 : stats.kbitDown > 0;
    if (this.#call !== call || (!back && performance.now() - started < ECHO_WITHIN_MS)) return;
    this.#call = null;
    const echo = video(this.root, "test-echo");
    echo.srcObject = null;
    echo.hidden = true; // a stream that has ended would leave a black box
    this.#finish({ echo: back, rtt: stats.rttMs, loss: stats.lossPercent });
    call.stop();
  }

  /** @param {{ echo: boolean, rtt?: number | null, loss?: number | null }} result */
  #finish({ echo, rtt = null, loss = null }) {
    const opened = this.#opened;
    const reason = opened?.reason ?? "unsupported";
    const camera = opened?.video ? "ok" : reason;
    const microphone = opened?.audio ? "ok" : reason;
    this.#say(words(camera, microphone, echo));
    const rtt_ms = rtt === null ? null : Math.round(rtt);
    this.socket
      .request("device.report", { camera, microphone, echo, rtt_ms, loss_percent: loss })
      .then(this.reported)
      .catch(() => undefined);
  }

  /** @param {string} text */
  #say(text) {
    const place = part(this.root, "test-words");
    if (place) place.textContent = text;
  }

  /** @param {string} role @param {boolean} shown */
  #show(role, shown) {
    part(this.root, role)?.toggleAttribute("hidden", !shown);
  }

  /** @param {boolean} running */
  #showButtons(running) {
    this.#show("test-start", !running);
    this.#show("test-stop", running);
  }
}

/**
 * @param {string} camera
 * @param {string} microphone
 * @param {boolean} echo
 */
function words(camera, microphone, echo) {
  if (camera === "ok" && microphone === "ok") {
    return echo ? t("All is well: you can be seen and heard.") : t("Camera and microphone work, but the way to the server is blocked. Try another network.");
  }
  if (microphone === "ok" && camera === "no_camera") return t("No camera found. You can speak by voice only.");
  if (camera === "permission_denied" || microphone === "permission_denied") {
    return t("The browser may not use camera or microphone. Allow it with the sign beside the address, then test again.");
  }
  if (camera === "device_busy" || microphone === "device_busy") return t("Another program is using the camera or microphone. Close it, then test again.");
  if (camera === "insecure_origin") return t("This address is not secure (https), so the browser allows no camera.");
  if (camera === "unsupported") return t("This browser cannot make video calls. Please open this page in the phone's own browser.");
  return t("Neither camera nor microphone was found. Connect one, or use another device with your link.");
}
