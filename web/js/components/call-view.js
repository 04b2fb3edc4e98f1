// call-view — a call on the page: the other person large, oneself small, buttons that say what they do.
// Needs the markup of video_stage (parts/call.html) and a socket; keyboard: every control is a button.
import { Call } from "../lib/call.js";
import { openCamera, openDevices } from "../lib/devices.js";
import { offersOver } from "../lib/offers.js";
import { t } from "../lib/texts.js";
import { CallWatch } from "./call-watch.js";
import { waysOver } from "../lib/ways.js";
import { helpParts } from "./device-help.js";
import { closeDialogue, openDialogue } from "./dialogue.js";
import { Interruption } from "./interruption.js";
import { part, video, write } from "./parts.js";
import { toggleTextSize } from "./preferences.js";
import { say } from "./toast.js";

/** @import { CallState } from "../lib/call.js" */

const HELP = "device-help-dialogue";

/**
 * Events: "left" when the person chose to end the call, "joined", "further" for the stream of a third person (`detail`
 * is `{slot, stream}`), "pictured" when another picture is sent, "stopped" when nothing is shown any more.
 */
export class CallView extends EventTarget {
  /** @type {Call | null} */ #call = null;
  /** @type {import("../lib/ways.js").FindWays} */ #findWays;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {CallState} */ #state = "connecting";
  #still = "";
  #peerSends = { camera: true, microphone: true, reason: "ok" };
  /** @type {"user" | "environment"} */ #facing = "user";
  /** What the last attempt to open devices lacked; `reason` says besides what happens to them now. */
  #lack = "ok";
  /** The invitations heard: several web nodes may pass the same one on. @type {Set<number>} */ #invited = new Set();
  /** Whether a picture of this person belongs to the call; who came to speak only may still switch it on. */
  #pictured = true;
  /** What has been explained already: a dialogue that comes again and again is closed unread. @type {Set<string>} */ #explained = new Set();
  reason = "ok";

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
    this.watch = new CallWatch(stage, socket, side);
    this.interruption = new Interruption({
      changed: (reason) => this.#interrupted(reason), resume: () => this.#reopen(), restart: () => this.play(),
    });
    this.#findWays = waysOver(socket);
    this.#wire();
    socket.on("call.renegotiate", ({ purpose, more }) => purpose === "call" && void this.#offerAgain(more));
    socket.on("call.receive", (message) => void this.#receive(message));
    socket.on("peer.devices", (message) => this.#showPeer(message));
    socket.addEventListener("state", () => socket.state === "open" && this.#call && this.#tellDevices());
    addEventListener("online", () => this.#networkBack());
    addEventListener("offline", () => this.#call && socket.renew());
    /** @type {any} */ (navigator).connection?.addEventListener?.("change", () => this.#networkBack());
  }

  get running() {
    return this.#call !== null;
  }

  /** The call itself while it runs, for what stands beside it on the page. */
  get call() {
    return this.#call;
  }

  get stream() {
    return this.#stream;
  }

  /** Take over what is open already, for instance from the device test. @param {import("../lib/devices.js").OpenedDevices | null} opened */
  use(opened) {
    if (this.#call || !opened?.stream) return;
    this.#stream = opened.stream;
    this.#lacks(opened.reason);
  }

  /** Open the devices if need be and join. @param {{ pictured?: boolean }} [wanted] */
  async join({ pictured = true } = {}) {
    if (this.#call) return;
    const lineUp = () => this.socket.state === "open";
    const call = new Call({ sendOffer: offersOver(this.socket, "call"), findWays: this.#findWays, lineUp, sendsStills: this.side === "citizen" });
    void this.#findWays(); // while camera and microphone open
    this.#call = call;
    this.socket.urgent = true;
    this.watch.begin();
    call.addEventListener("remote", (event) => this.#place(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("state", (event) => this.#showState(/** @type {CustomEvent} */ (event).detail));
    await this.#open(pictured);
    if (this.#call !== call) return;
    this.watch.start(call, this.#track("audio"));
    this.interruption.watch(this.#stream);
    await call.start(this.#stream).catch(() => this.#showState("interrupted"));
    this.#tellDevices();
    this.dispatchEvent(new Event("joined"));
  }

  /** Answer the next agent on the connection that was kept. */
  async again() {
    await this.#call?.again().catch(() => this.#showState("interrupted"));
    this.#tellDevices();
  }

  /** Leave and let go of camera and microphone. */
  leave() {
    this.watch.stop();
    this.interruption.watch(null);
    this.#call?.stop();
    this.#call = null;
    this.socket.urgent = false;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    for (const role of ["remote", "self"]) {
      const picture = part(this.stage, role);
      if (!(picture instanceof HTMLVideoElement)) continue;
      picture.srcObject = null;
      picture.hidden = true;
    }
    for (const dialogue of ["tap", HELP]) closeDialogue(dialogue);
    this.dispatchEvent(new Event("stopped"));
  }

  /** Whether the other side's page is connected. @param {boolean} here */
  peerHere(here) {
    this.watch.peer({ here });
  }

  /** Whether the camera's picture, or another in its place, is being sent. */
  get filmed() {
    return this.#track("video")?.enabled === true;
  }

  /**
   * Send another picture, without a word to the sound; a camera that was off stays so unless it is to be `shown`.
   * @param {MediaStreamTrack | null} track
   * @param {{ shown?: boolean }} [how]
   */
  async sendPicture(track, { shown = false } = {}) {
    const before = this.#track("video");
    await this.#call?.replaceTrack("video", track);
    if (track && shown) track.enabled = true;
    this.#stream ??= new MediaStream();
    if (before) this.#stream.removeTrack(before);
    if (track) this.#stream.addTrack(track);
    before?.stop();
    this.interruption.watch(this.#stream);
    this.#showOwn();
    this.#tellDevices();
    this.dispatchEvent(new Event("pictured"));
  }

  /** Front camera, back camera and round again; the sound goes on. */
  async switchCamera() {
    const facing = this.#facing === "user" ? "environment" : "user";
    // Phones open one camera at a time: the one in use is let go of first.
    this.#track("video")?.stop();
    const { track } = await openCamera({ facing });
    const kept = track ?? (await openCamera({ facing: this.#facing })).track;
    if (track) this.#facing = facing;
    else say(t("No other camera could be opened."), "attention");
    await this.sendPicture(kept);
    this.stage.dataset.facing = this.#facing;
  }

  #networkBack() {
    if (!this.#call) return;
    this.socket.hurry();
    this.watch.prove();
    void this.#call.networkBack();
  }

  /** @param {boolean} pictured */
  async #open(pictured) {
    this.#pictured = pictured;
    if (!this.#stream) {
      const opened = await openDevices({ pictured });
      this.#stream = opened.stream;
      this.#lacks(opened.reason);
    }
    if (!pictured) this.#putCameraAway();
    this.#showOwn();
    this.#explain();
  }

  /** Who speaks only is not filmed, not even for nobody. */
  #putCameraAway() {
    for (const track of this.#stream?.getVideoTracks() ?? []) {
      track.stop();
      this.#stream?.removeTrack(track);
    }
    if (this.#track("audio")) this.#lacks("ok");
  }

  /** @param {string} reason a code of devices.js */
  #lacks(reason) {
    this.reason = this.#lack = reason;
    this.watch.own(reason);
  }

  /** Say once what is missing and what to do; after that only who presses the button is told again. @param {boolean} [asked] */
  #explain(asked = false) {
    const help = helpParts(this.reason);
    const blocks = this.reason !== "no_camera" && !this.#explained.has(this.reason);
    if (help.length === 0 || (!asked && !blocks)) return;
    this.#explained.add(this.reason);
    part(document, "device-help")?.replaceChildren(...help);
    openDialogue(HELP);
  }

  /** What could not be opened is tried again. */
  async #openAgain() {
    await (this.#track("audio") && this.#pictured ? this.#openPicture() : this.#reopen());
    if (this.reason === "ok") closeDialogue(HELP);
    this.#explain(true);
  }

  /** A camera for a call that has a voice already. */
  async #openPicture() {
    const { track, reason } = await openCamera({ facing: this.#facing });
    this.#lacks(reason === "no_device" ? "no_camera" : reason);
    if (track) await this.sendPicture(track, { shown: true });
    else this.#tellDevices();
  }

  /** After an interruption: the old tracks are dead, new ones take their places. @returns {Promise<boolean>} */
  async #reopen() {
    const opened = await openDevices({ facing: this.#facing, pictured: this.#pictured });
    if (!this.#call) return false;
    this.#lacks(opened.reason);
    if (!opened.stream) this.#tellDevices();
    if (!opened.stream) return false;
    const before = this.#stream;
    for (const kind of /** @type {("audio" | "video")[]} */ (["audio", "video"])) {
      const track = opened.stream.getTracks().find((one) => one.kind === kind);
      if (track) await this.#call.replaceTrack(kind, track);
      if (track?.kind === "audio") this.watch.listen(track);
    }
    this.#stream = opened.stream;
    for (const track of before?.getTracks() ?? []) track.stop();
    this.interruption.watch(this.#stream);
    this.#showOwn();
    this.#tellDevices();
    return true;
  }

  /** On the same connection if somebody joined, else on a new one. @param {boolean} [more] */
  async #offerAgain(more) {
    const again = more ? this.#call?.renegotiate() : this.#call?.rejoin();
    await again?.catch(() => this.#showState("interrupted"));
  }

  /** What the others send comes on a connection that the server offers. @param {import("../lib/messages.js").CallReceive} offer */
  async #receive({ number, sdp, fresh, session }) {
    if (this.#invited.has(number)) return;
    this.#invited.add(number);
    try {
      const answer = await this.#call?.receive({ sdp, fresh });
      if (answer) this.socket.say("call.receiving", { session: session ?? "", number, sdp: answer });
    } catch {
      return; // the server offers again when no answer comes
    }
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
    const place = video(this.stage, "remote");
    place.srcObject = stream;
    place.hidden = false;
    place.requestVideoFrameCallback?.(() => this.watch.pictureShown());
    await this.play();
  }

  /** Let all pictures of the stage move and sound: browsers inside apps and phones after an interruption play only when told to, some only after a touch. */
  async play() {
    for (const place of this.stage.querySelectorAll("video")) {
      if (!place.srcObject) continue;
      try {
        await place.play();
      } catch (reason) {
        if (reason instanceof DOMException && reason.name === "NotAllowedError") this.#askForTap(t("Your browser waits for your touch before it plays sound."));
      }
    }
  }

  /** @param {string} words */
  #askForTap(words) {
    write(document, "tap-words", words);
    openDialogue("tap");
  }

  /** @param {CallState} state */
  #showState(state) {
    this.#state = state;
    this.watch.follow(state);
    this.#showWaiting();
  }

  /** @param {{ camera: boolean, microphone: boolean, reason: string, member?: string }} message */
  #showPeer({ camera, microphone, reason, member }) {
    if (member) return;
    this.#peerSends = { camera, microphone, reason };
    this.watch.peer({ camera, microphone, reason });
    this.#showWaiting();
    video(this.stage, "remote").classList.toggle("video-stage__remote--dark", !camera);
    this.stage.toggleAttribute("data-screen", reason === "screen");
  }

  #showWaiting() {
    const waiting = part(this.stage, "waiting");
    const flows = this.#state === "connected";
    if (waiting) waiting.hidden = flows && this.#peerSends.camera && !this.#still;
    write(this.stage, "waiting-text", flows ? this.#still || this.#darkWords() : stateWords(this.#state));
  }

  /** Who has no picture has not always wished it so. */
  #darkWords() {
    return this.#peerSends.reason === "ok" ? t("The other side has switched the camera off") : t("No picture from the other side");
  }

  /**
   * Hold, or a private talk without this person: nothing flows, and the last picture must not stand there as if it did.
   * @param {HTMLElement} page whose panel says how the call stands
   */
  showStanding(page) {
    const held = page.querySelector("[data-held]");
    this.#still = held ? t("The call is on hold") : page.querySelector("[data-outside]") ? t("A private talk, without you") : "";
    this.stage.toggleAttribute("data-still", Boolean(this.#still));
    this.#showWaiting();
  }

  /** @param {string} reason `ok`, `interrupted` or `hidden` */
  #interrupted(reason) {
    if (!this.#call) return;
    this.reason = reason === "ok" ? this.#lack : reason;
    this.watch.own(this.reason);
    if (reason === "interrupted") this.#askForTap(t("Your phone took camera or microphone away, for a call or another app. Your agent knows and waits."));
    this.#tellDevices();
  }

  #wire() {
    part(this.stage, "microphone")?.addEventListener("click", () => this.#toggle("audio"));
    part(this.stage, "camera")?.addEventListener("click", () => this.#toggle("video"));
    part(this.stage, "text-size")?.addEventListener("click", toggleTextSize);
    part(this.stage, "hang-up")?.addEventListener("click", () => openDialogue("hang-up"));
    part(document, "hang-up-yes")?.addEventListener("click", () => this.#hangUp());
    part(document, "tap")?.addEventListener("click", () => void this.#tapped());
    part(document, "devices-again")?.addEventListener("click", () => void this.#openAgain());
  }

  async #tapped() {
    closeDialogue("tap");
    await this.interruption.tapped();
    await this.play();
  }

  #hangUp() {
    closeDialogue("hang-up");
    this.socket.request("call.hang_up").catch(() => undefined);
    this.dispatchEvent(new Event("left"));
  }

  /** @param {"audio" | "video"} kind */
  #toggle(kind) {
    const track = this.#track(kind);
    if (!track) return this.#openMissing(kind);
    this.#call?.setMuted(kind, track.enabled);
    this.#showOwn();
    this.#tellDevices();
  }

  /** A button without a device behind it opens one, or says why there is none. @param {"audio" | "video"} kind */
  #openMissing(kind) {
    if (!this.#call) return;
    if (kind === "video") this.#pictured = true;
    void this.#openAgain();
  }

  /** @param {"audio" | "video"} kind */
  #track(kind) {
    return this.#stream?.getTracks().find((track) => track.kind === kind);
  }

  #showOwn() {
    const self = video(this.stage, "self");
    if (self.srcObject !== this.#stream) self.srcObject = this.#stream;
    self.hidden = !this.#stream?.getVideoTracks().length;
    void self.play().catch(() => undefined);
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
    button.setAttribute("aria-pressed", String(!track?.enabled));
    const words = button.querySelector("span");
    if (words) words.textContent = track?.enabled ? off : on;
  }

  #tellDevices() {
    const picture = this.#track("video");
    const camera = Boolean(picture?.enabled);
    const microphone = Boolean(this.#track("audio")?.enabled);
    const screen = picture?.contentHint === "detail" && !["interrupted", "hidden"].includes(this.reason);
    const reason = screen ? "screen" : this.reason;
    this.socket.say("call.devices", { camera, microphone, reason });
  }
}

/** @param {CallState} state */
function stateWords(state) {
  if (state === "connected") return t("Connected");
  if (state === "interrupted") return t("The picture is interrupted; reconnecting");
  return state === "failed" ? t("No connection; we keep trying") : t("Connecting");
}
