// device-test — before the call: does the camera see, does the microphone hear, does the way to the server carry?
// Measured against the real media server. The result is said in words, told to the server so that the agent knows
// before answering, and can be kept as a text. Keyboard: every step is a button.
import { Call } from "../lib/call.js";
import { openDevices } from "../lib/devices.js";
import { deviceHelp } from "../lib/help.js";
import { SilenceWatch, testTone } from "../lib/listening.js";
import { offersOver } from "../lib/offers.js";
import { family } from "../lib/platform.js";
import { t } from "../lib/texts.js";
import { waysOver } from "../lib/ways.js";
import { helpParts } from "./device-help.js";
import { part, video } from "./parts.js";

/** How long the echo may take to come back, and how long the way is measured once it has. */
const ECHO_WITHIN_MS = 10_000;
const MEASURED_MS = 3_000;
const LOOK_EVERY_MS = 500;
const LEVEL_EVERY_MS = 80;
/** Less than this up carries no moving picture; more loss or delay is noticed. */
const THIN_KBIT = 150;
const LOSSY_PERCENT = 3;
const SLOW_MS = 400;

/**
 * @typedef {object} Findings
 * @property {string} camera
 * @property {string} microphone
 * @property {boolean} echo whether picture or sound came back from the server
 * @property {boolean} voice whether sound came back
 * @property {string} way `direct`, `relayed` or `blocked`; `unknown` when nothing could be sent
 * @property {string} relayBy how the relay is reached, if there is one between
 * @property {number | null} rtt_ms
 * @property {number | null} loss_percent
 * @property {number | null} kbit_up
 * @property {boolean} silent
 * @property {string} speaker
 */

export class DeviceTest {
  /** @type {import("../lib/devices.js").OpenedDevices | null} */ #opened = null;
  /** @type {Call | null} */ #call = null;
  /** @type {ReturnType<typeof setInterval>[]} */ #timers = [];
  /** @type {Findings | null} */ #findings = null;
  #silence = new SilenceWatch();
  #speaker = "unknown";
  #began = 0;
  #echoed = 0;
  #voice = false;
  #kbitUp = 0;

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
    part(root, "test-tone")?.addEventListener("click", () => void this.#play());
    part(root, "tone-yes")?.addEventListener("click", () => this.#heardTone("ok"));
    part(root, "tone-no")?.addEventListener("click", () => this.#heardTone("no"));
    part(root, "test-report")?.addEventListener("click", () => this.#download());
    this.#silence.addEventListener("silent", () => this.#soundChanged());
    this.#silence.addEventListener("heard", () => this.#soundChanged());
  }

  /** Whether camera or microphone are open now. */
  get open() {
    return Boolean(this.#opened?.stream);
  }

  /** What is open, handed over once: whoever takes it also closes it. */
  take() {
    const opened = this.#opened;
    this.#opened = null;
    this.stop();
    return opened;
  }

  async start() {
    this.stop();
    this.#findings = null;
    this.#show("test-results", false);
    this.#say(t("Please allow camera and microphone"));
    this.#showButtons(true);
    const opened = await openDevices();
    this.#opened = opened;
    this.#help(opened.reason);
    this.#offerMode(opened);
    if (!opened.stream) return this.#finish({ echo: false, way: "unknown" });
    this.#showOwn(opened.stream, opened.video);
    await this.#listen(opened.stream);
    this.#say(t("Trying the way to the server"));
    await this.#tryEcho(opened.stream);
  }

  stop() {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#call?.stop();
    this.#call = null;
    this.#silence.stop();
    for (const track of this.#opened?.stream?.getTracks() ?? []) track.stop();
    this.#opened = null;
    for (const role of ["test-video", "test-echo"]) video(this.root, role).srcObject = null;
    for (const role of ["test-picture", "test-echo", "test-sound", "test-silent"]) this.#show(role, false);
    this.#showButtons(false);
    this.#say("");
  }

  /**
   * @param {MediaStream} stream
   * @param {boolean} pictured
   */
  #showOwn(stream, pictured) {
    const own = video(this.root, "test-video");
    own.srcObject = stream;
    void own.play().catch(() => undefined); // browsers inside apps show nothing until they are told to
    this.#show("test-picture", pictured);
  }

  /** @param {MediaStream} stream */
  async #listen(stream) {
    const [voice] = stream.getAudioTracks();
    if (!voice) return;
    await this.#silence.watch(voice);
    this.#show("test-sound", true);
    const bar = part(this.root, "level");
    this.#timers.push(setInterval(() => bar instanceof HTMLMeterElement && (bar.value = this.#silence.level), LEVEL_EVERY_MS));
  }

  #soundChanged() {
    this.#show("test-silent", this.#silence.silent);
    if (this.#findings && this.#findings.silent !== this.#silence.silent) this.#tell({ ...this.#findings, silent: this.#silence.silent });
  }

  /** @param {MediaStream} stream */
  async #tryEcho(stream) {
    const call = new Call({ sendOffer: offersOver(this.socket, "echo"), findWays: waysOver(this.socket) });
    this.#call = call;
    this.#began = performance.now();
    this.#echoed = this.#kbitUp = 0;
    this.#voice = false;
    call.addEventListener("remote", (event) => this.#showEcho(/** @type {CustomEvent} */ (event).detail));
    this.#timers.push(setInterval(() => void this.#look(call), LOOK_EVERY_MS));
    await call.start(stream).catch(() => undefined);
  }

  /** @param {MediaStream} stream */
  #showEcho(stream) {
    const echo = video(this.root, "test-echo");
    echo.srcObject = stream;
    echo.muted = true;
    echo.hidden = !this.#opened?.video;
    void echo.play().catch(() => undefined);
  }

  /** @param {Call} call */
  async #look(call) {
    if (this.#call !== call) return;
    const stats = await call.stats();
    const back = this.#opened?.video ? stats.framesDecoded > 0 : stats.kbitDown > 0;
    const now = performance.now();
    if (back) this.#echoed ||= now;
    this.#voice ||= stats.audioLevel > 0.001;
    this.#kbitUp = Math.max(this.#kbitUp, stats.kbitUp);
    const measured = this.#echoed > 0 && now - this.#echoed >= MEASURED_MS;
    if (this.#call !== call || (!measured && now - this.#began < ECHO_WITHIN_MS)) return;
    this.#call = null;
    const echo = video(this.root, "test-echo");
    echo.srcObject = null;
    echo.hidden = true; // a stream that has ended would leave a black box
    const echoed = this.#echoed > 0;
    this.#finish({ echo: echoed, way: echoed ? stats.way ?? "direct" : "blocked", relayBy: stats.relayBy, rtt: stats.rttMs, loss: stats.lossPercent });
    call.stop();
  }

  /** @param {{ echo: boolean, way: string, relayBy?: string, rtt?: number | null, loss?: number | null }} result */
  #finish({ echo, way, relayBy = "", rtt = null, loss = null }) {
    const reason = this.#opened?.reason ?? "unsupported";
    this.#tell({
      camera: this.#opened?.video ? "ok" : reason === "no_device" ? "no_camera" : reason, microphone: this.#opened?.audio ? "ok" : reason, echo, voice: this.#voice, way, relayBy,
      rtt_ms: rtt === null ? null : Math.round(rtt), loss_percent: loss, kbit_up: echo ? this.#kbitUp : null,
      silent: this.#silence.silent, speaker: this.#speaker,
    });
  }

  /** @param {Findings} findings */
  #tell(findings) {
    this.#findings = findings;
    this.#say(verdict(findings));
    this.#list(findings);
    const { voice, relayBy, ...told } = findings;
    this.socket.request("device.report", told).then(this.reported).catch(() => undefined);
  }

  /** @param {Findings} findings */
  #list(findings) {
    const list = part(this.root, "test-list");
    if (!list) return;
    list.replaceChildren(...lines(findings).flatMap(([name, found, fine]) => [element("dt", name), element("dd", found, fine)]));
    this.#show("test-results", true);
  }

  async #play() {
    this.#show("tone-question", false);
    await testTone().catch(() => undefined);
    this.#show("tone-question", true);
  }

  /** @param {"ok" | "no"} heard */
  #heardTone(heard) {
    this.#speaker = heard;
    this.#show("tone-question", false);
    this.#show("tone-help", heard === "no");
    if (this.#findings) this.#tell({ ...this.#findings, speaker: heard });
  }

  #download() {
    if (!this.#findings) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([report(this.#findings)], { type: "text/plain;charset=utf-8" }));
    link.download = t("device-report.txt");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  }

  /** @param {string} reason */
  #help(reason) {
    const place = part(this.root, "test-help");
    const help = helpParts(reason);
    if (!place) return;
    place.hidden = help.length === 0;
    place.replaceChildren(...help);
  }

  /**
   * Whoever cannot be seen or heard is offered a way that works; nothing happens without their consent.
   * @param {import("../lib/devices.js").OpenedDevices} opened
   */
  #offerMode({ audio, video: pictured, reason }) {
    const mode = document.getElementById("main")?.dataset.mode ?? "video";
    const fitting = !audio ? "text" : pictured ? "video" : "audio";
    for (const offered of ["video", "audio", "text"]) {
      const form = part(this.root, `mode-${offered}`);
      if (!(form instanceof HTMLFormElement)) continue;
      const widening = offered === "video" && mode !== "sign";
      form.hidden = offered !== fitting || mode === fitting || (fitting === "video" && !widening);
      const field = form.elements.namedItem("reason");
      if (field instanceof HTMLInputElement) field.value = reason;
    }
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

/** @param {Findings} found @returns {string} */
function verdict({ camera, microphone, echo, silent, kbit_up, loss_percent, rtt_ms }) {
  if (camera === "ok" && microphone === "ok" && !echo) return t("Camera and microphone work, but the way to the server is blocked. Try another network.");
  if (silent) return t("Your microphone is open but gives no sound.");
  if (camera !== "ok" || microphone !== "ok") return microphone === "ok" ? t("You can speak by voice only.") : t("You cannot be heard; you can go on in writing.");
  if ((kbit_up ?? THIN_KBIT) < THIN_KBIT || (loss_percent ?? 0) > LOSSY_PERCENT || (rtt_ms ?? 0) > SLOW_MS) {
    return t("You can be seen and heard, but the network is weak: the picture may be small.");
  }
  return t("All is well: you can be seen and heard.");
}

/**
 * What was found, one line each: the name, the finding, and whether it is as it should be.
 * @param {Findings} found
 * @returns {[string, string, boolean][]}
 */
function lines(found) {
  const heard = found.silent ? t("open, but no sound") : works(found.microphone);
  const rows = /** @type {[string, string, boolean][]} */ ([
    [t("Camera"), works(found.camera), found.camera === "ok"],
    [t("Microphone"), heard, found.microphone === "ok" && !found.silent],
    [t("Speaker"), { ok: t("heard"), no: t("not heard") }[found.speaker] ?? t("not tried"), found.speaker !== "no"],
  ]);
  if (found.way === "unknown") return rows;
  const by = found.relayBy.toUpperCase();
  const ways = { direct: t("direct (UDP)"), relayed: by ? t("by a relay, over %(by)s", { by }) : t("by a relay") };
  rows.push([t("Way to the server"), ways[/** @type {keyof typeof ways} */ (found.way)] ?? t("blocked: UDP does not get through"), found.way !== "blocked"]);
  if (!found.echo) return rows;
  rows.push([t("Echo from the server"), found.voice ? t("picture and sound came back") : t("came back"), true]);
  rows.push([t("Sending rate"), t("%(kbit)s kbit/s", { kbit: found.kbit_up ?? 0 }), (found.kbit_up ?? 0) >= THIN_KBIT]);
  rows.push([t("Loss"), t("%(percent)s %", { percent: (found.loss_percent ?? 0).toFixed(1) }), (found.loss_percent ?? 0) <= LOSSY_PERCENT]);
  rows.push([t("Round trip"), found.rtt_ms === null ? "–" : t("%(ms)s ms", { ms: found.rtt_ms }), (found.rtt_ms ?? 0) <= SLOW_MS]);
  return rows;
}

/** @param {string} code */
function works(code) {
  return code === "ok" ? t("works") : deviceHelp(code).what.replace(/[.。]$/, "");
}

/** A text to send to whoever helps: nothing in it says who or where. @param {Findings} found */
function report(found) {
  const head = [t("Device and network check"), new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC", t("Browser: %(name)s", { name: family() })];
  return [...head, "", ...lines(found).map(([name, text]) => `${name}: ${text}`), "", verdict(found), ""].join("\r\n");
}

/**
 * @param {string} name
 * @param {string} text
 * @param {boolean} [fine]
 */
function element(name, text, fine = true) {
  const made = document.createElement(name);
  made.textContent = text;
  if (!fine) made.className = "tone-attention";
  return made;
}
