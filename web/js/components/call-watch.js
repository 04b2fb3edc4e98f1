// call-watch — looks after a running call: measures it, steps the picture down and up, notices a silent microphone,
// says in one line what is happening and what to do, and tells the server what was measured.
// Needs the markup of video_stage (parts/call.html). Read out by screen readers as it changes (role=status).
import { SilenceWatch } from "../lib/listening.js";
import { family } from "../lib/platform.js";
import { situation } from "../lib/situation.js";
import { Steps } from "../lib/steps.js";
import { write } from "./parts.js";

/** @import { Call, CallState, CallStats } from "../lib/call.js" */

const MEASURE_EVERY_MS = 2_000;
const TELL_EVERY_MS = 5_000;
/** A line on which an answer is overdue by so much is taken for dead. */
const ANSWER_WITHIN_MS = 6_000;
/** The same where there is reason to doubt it. */
const PROVED_WITHIN_MS = 1_200;
/** How long the first picture may take before the times of joining are told without it. */
const PICTURE_WITHIN_MS = 15_000;
/** Loss and round trip above which a person notices; above the second, speech suffers. */
const FAIR = { lossPercent: 3, rttMs: 300 };
const POOR = { lossPercent: 10, rttMs: 700 };

/**
 * Events: "measured" (`detail` is a {@link CallStats} with `step`).
 */
export class CallWatch extends EventTarget {
  /** @type {Call | null} */ #call = null;
  /** @type {ReturnType<typeof setInterval>[]} */ #timers = [];
  #steps = new Steps();
  #silence = new SilenceWatch();
  /** @type {CallStats | null} */ #last = null;
  /** @type {CallState} */ #state = "connecting";
  #brokenAt = 0;
  #begun = 0;
  #devicesAt = 0;
  #pictureAt = 0;
  #told = false;
  #peer = { here: true, camera: true, microphone: true, reason: "ok" };
  #ownReason = "ok";

  /**
   * @param {HTMLElement} stage
   * @param {import("../lib/socket.js").Socket} socket
   * @param {"citizen" | "agent" | "guest"} side
   */
  constructor(stage, socket, side) {
    super();
    this.stage = stage;
    this.socket = socket;
    this.side = side;
    for (const kind of ["silent", "heard"]) this.#silence.addEventListener(kind, () => this.show());
    socket.addEventListener("state", () => this.#call && this.#lineChanged());
  }

  /** Joining begins: its times are counted from here. */
  begin() {
    this.#begun = performance.now();
    this.#devicesAt = this.#pictureAt = 0;
    this.#told = false;
  }

  /**
   * @param {Call} call
   * @param {MediaStreamTrack | undefined} voice
   */
  start(call, voice) {
    this.stop();
    this.#call = call;
    call.addEventListener("standstill", () => this.prove());
    call.addEventListener("moving", () => this.socket.hurry());
    this.#steps = new Steps();
    this.#devicesAt = performance.now();
    void call.useStep(this.#steps.rung);
    if (voice) void this.#silence.watch(voice).catch(() => undefined);
    this.#timers.push(setInterval(() => void this.#measure(call), MEASURE_EVERY_MS));
    this.#timers.push(setInterval(() => void this.#tell(), TELL_EVERY_MS));
    this.#timers.push(setTimeout(() => this.#tellSetup(), PICTURE_WITHIN_MS));
    this.show();
  }

  stop() {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#silence.stop();
    this.#call = null;
    this.#last = null;
  }

  /** Another microphone is used now. @param {MediaStreamTrack} voice */
  listen(voice) {
    void this.#silence.watch(voice).catch(() => undefined);
  }

  /** The first picture of the other side is on the screen. */
  pictureShown() {
    this.#pictureAt ||= performance.now();
    this.#tellSetup();
  }

  /** There is reason to doubt the line: sound and picture have stopped, or the network is another. */
  prove() {
    void this.socket.prove("call.prepare", PROVED_WITHIN_MS);
  }

  /** @param {CallState} state */
  follow(state) {
    if (state === "interrupted") {
      this.#brokenAt ||= performance.now();
      this.prove();
    }
    if (state === "connected" && this.#brokenAt) {
      this.#tellRepair(performance.now() - this.#brokenAt);
      this.#brokenAt = 0;
    }
    this.#state = state;
    this.stage.dataset.state = state;
    if (state !== "connected") this.stage.dataset.quality = "none";
    this.show();
  }

  /** @param {Partial<{ here: boolean, camera: boolean, microphone: boolean, reason: string }>} peer */
  peer(peer) {
    this.#peer = { ...this.#peer, ...peer };
    this.show();
  }

  /** Why one's own camera or microphone is away; `ok` when they are not. @param {string} reason */
  own(reason) {
    this.#ownReason = reason;
    this.show();
  }

  /** Write the line. */
  show() {
    const quality = qualityOf(this.#last);
    if (this.#state === "connected") this.stage.dataset.quality = quality;
    const { tone, what, todo } = situation({
      side: this.side, line: this.socket.state, call: this.#state, peerHere: this.#peer.here, peerReason: this.#peer.reason,
      peerCamera: this.#peer.camera, peerMicrophone: this.#peer.microphone, ownReason: this.#ownReason,
      silent: this.#silence.silent, step: this.#steps.rung.step, quality,
    });
    this.stage.dataset.tone = tone;
    this.stage.dataset.step = this.#steps.rung.step;
    write(this.stage, "quality", what);
    write(this.stage, "todo", todo);
  }

  #lineChanged() {
    this.show();
    // The server counts a page without a line as gone: whoever is back says so by offering again.
    if (this.socket.state === "open") void this.#call?.networkBack();
  }

  /** @param {Call} call */
  async #measure(call) {
    if (this.#state !== "connected") return;
    const stats = await call.stats();
    if (this.#call !== call) return;
    this.#last = stats;
    this.stage.dataset.frames = String(stats.framesDecoded);
    if (this.#steps.observe(stats)) await call.useStep(this.#steps.rung);
    this.dispatchEvent(new CustomEvent("measured", { detail: { ...stats, step: this.#steps.rung.step } }));
    this.show();
  }

  async #tell() {
    const stats = this.#last;
    if (!stats || this.socket.state !== "open") return;
    const told = this.socket.request("call.quality", {
      loss_up: stats.lossUpPercent, loss_down: stats.lossPercent, rtt_ms: stats.rttMs, kbit_up: stats.kbitUp, kbit_down: stats.kbitDown,
      width: stats.width, height: stats.height, step: this.#steps.rung.step, limit: stats.limit, browser: family(),
    });
    const overdue = setTimeout(() => this.socket.renew(), ANSWER_WITHIN_MS);
    await told.catch(() => undefined);
    clearTimeout(overdue);
  }

  #tellSetup() {
    const timing = this.#call?.timing;
    if (this.#told || !timing) return;
    this.#told = true;
    const since = (/** @type {number} */ at) => (at ? Math.round(at - this.#begun) : null);
    this.socket.say("call.setup", {
      occasion: "join", devices_ms: since(this.#devicesAt), answer_ms: since(timing.answered), connected_ms: since(timing.connected),
      picture_ms: since(this.#pictureAt), browser: family(),
    });
  }

  /** @param {number} took */
  #tellRepair(took) {
    this.socket.say("call.setup", {
      occasion: "repair", devices_ms: null, answer_ms: null, connected_ms: Math.round(took), picture_ms: null, browser: family(),
    });
  }
}

/** @param {CallStats | null} stats */
function qualityOf(stats) {
  const over = (/** @type {typeof FAIR} */ limit) =>
    Math.max(stats?.lossPercent ?? 0, stats?.lossUpPercent ?? 0) > limit.lossPercent || (stats?.rttMs ?? 0) > limit.rttMs;
  return over(POOR) ? "poor" : over(FAIR) ? "fair" : "good";
}
