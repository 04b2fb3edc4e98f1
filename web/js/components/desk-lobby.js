// desk-lobby — before and between calls: see and hear oneself, go available, take a citizen by hand, answer or
// give back an offer.
// Needs the lobby of agent/desk.html; its panel "offer" may be replaced at any time. Keyboard: Enter accepts.
import { LevelMeter, openDevices } from "../lib/devices.js";
import { t } from "../lib/texts.js";
import { Bell } from "./desk-bell.js";
import { ask, part, video, write } from "./parts.js";
import { say } from "./toast.js";

/** @import { OpenedDevices } from "../lib/devices.js" */

const LEVEL_EVERY_MS = 100;

export class Lobby {
  /** @type {OpenedDevices | null} */ #opened = null;
  /** @type {LevelMeter | null} */ #meter = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #measuring;
  /** @type {Promise<void> | null} */ #opening = null;
  #bell = new Bell();
  #stage = "";
  /** The reason chosen for taking somebody out of turn outlives a renewed list. */
  #pickReason = "";

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   */
  constructor(root, socket) {
    this.root = root;
    this.socket = socket;
    document.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("click", (event) => this.#clicked(event));
    root.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement && event.target.id === "pick-reason") this.#pickReason = event.target.value;
    });
    socket.on("offer.withdrawn", ({ reason }) => this.#withdrawn(reason));
  }

  /** Follow the desk's stage: ring for an offer; camera and microphone are open from the moment one is ready. @param {string} stage */
  follow(stage) {
    if (stage === "offered") this.#bell.ring(t("A citizen is calling"));
    else this.#bell.stop();
    if (stage === "away" && this.#stage !== "away") this.close();
    if (stage === "idle" && !this.#opened) void this.open();
    this.#stage = stage;
  }

  /** A citizen rings while the agent is in another call. */
  ringBeside() {
    this.#bell.ring(t("A citizen is calling"));
  }

  /** Somebody wrote in a call that is not in front. */
  touch() {
    this.#bell.touch();
  }

  /** Call after the panel "offer" was replaced: Enter must accept. */
  refresh() {
    const reason = this.root.querySelector("#pick-reason");
    if (reason instanceof HTMLSelectElement) reason.value = this.#pickReason;
    const accept = part(this.root, "accept");
    if (accept && !isTyping(document.activeElement)) accept.focus();
  }

  /** Hand over what is open; whoever takes it closes it. */
  take() {
    const opened = this.#opened;
    this.#opened = null;
    this.close();
    return opened;
  }

  /** Open camera and microphone and show what citizens will see. */
  open() {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    this.close();
    write(this.root, "preview-text", t("Please allow camera and microphone in the browser."));
    const opened = await openDevices();
    this.#opened = opened;
    write(this.root, "preview-text", opened.video ? "" : deviceWords(opened.reason));
    const preview = video(this.root, "preview");
    preview.srcObject = opened.stream;
    preview.hidden = !opened.video;
    if (opened.stream && opened.audio) this.#listen(opened.stream);
  }

  close() {
    clearInterval(this.#measuring);
    void this.#meter?.stop().catch(() => undefined);
    this.#meter = null;
    for (const track of this.#opened?.stream?.getTracks() ?? []) track.stop();
    this.#opened = null;
    const preview = video(this.root, "preview");
    preview.srcObject = null;
    preview.hidden = true;
    write(this.root, "preview-text", t("This is how citizens will see you."));
    this.#showLevel(0);
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    const meter = new LevelMeter(stream);
    this.#meter = meter;
    void meter.resume();
    this.#measuring = setInterval(() => this.#showLevel(meter.level), LEVEL_EVERY_MS);
  }

  /** @param {number} level */
  #showLevel(level) {
    const bar = part(this.root, "level");
    if (bar instanceof HTMLMeterElement) bar.value = level;
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const wanted = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "";
    const reason = String(new FormData(form).get("reason") ?? "");
    const { role } = form.dataset;
    if (role !== "start" && role !== "pause" && role !== "decline" && role !== "availability" && role !== "next" && role !== "pick" && role !== "stay") return;
    event.preventDefault();
    if (role === "next" || role === "pick") void this.#take(form, event.submitter);
    else if (role === "start" || (role === "availability" && wanted === "available")) void this.#start(new FormData(form).get("pull") === "1");
    else if (role === "stay") void this.#ask("agent.stay");
    else if (role === "decline") void this.#ask("offer.decline", { offer: offerAt(form), reason });
    else void this.#ask("agent.away", { reason });
  }

  /** @param {boolean} pull */
  async #start(pull) {
    await this.#ask("agent.available", { pull });
  }

  /**
   * Ask for the next citizen, or for a chosen one; what then rings is an offer like any other.
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   */
  async #take(form, submitter) {
    if ("busy" in form.dataset) return;
    form.dataset.busy = "";
    submitter?.setAttribute("aria-busy", "true");
    const body = new FormData(form);
    if (submitter instanceof HTMLButtonElement && submitter.name) body.set(submitter.name, submitter.value);
    const { problem, told } = await ask(form.action, new URLSearchParams(/** @type {any} */ (body)));
    delete form.dataset.busy;
    submitter?.removeAttribute("aria-busy");
    if (problem !== null) say(problem || t("Not sent. Please try again."), "attention");
    else if (told && !told.offered) say(t("Nobody is waiting whom you could take now."));
    if (problem === null) this.#pickReason = "";
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest('[data-role="test-devices"]')) void this.open();
    const accept = target?.closest('[data-role="accept"]');
    if (accept instanceof HTMLButtonElement) void this.#accept(accept);
  }

  /** @param {HTMLButtonElement} button */
  async #accept(button) {
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    this.#bell.stop();
    const taken = await this.#ask("offer.accept", { offer: offerAt(button) });
    if (taken) return;
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   */
  async #ask(type, fields = {}) {
    try {
      await this.socket.request(type, fields);
      return true;
    } catch (reason) {
      say((reason instanceof Error && reason.message) || t("Not sent. Please try again."), "attention");
      return false;
    }
  }

  /** @param {string} reason */
  #withdrawn(reason) {
    this.#bell.stop();
    if (reason === "declined") return;
    say(reason === "missed" || reason === "expired" ? t("Not answered in time; the citizen is back in line.") : t("The citizen is no longer calling."));
  }
}

/** The offer of the card that a control stands in. @param {Element} control */
function offerAt(control) {
  const card = control.closest("[data-offer]");
  return card instanceof HTMLElement ? card.dataset.offer ?? "" : "";
}

/** @param {Element | null} element */
function isTyping(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
}

/** @param {string} reason a code of devices.js */
function deviceWords(reason) {
  switch (reason) {
    case "permission_denied":
      return t("The browser does not allow camera and microphone. Allow both beside the address and check again.");
    case "device_busy":
      return t("Another program is using the camera. Close it and check again.");
    case "no_camera":
      return t("No camera was found. Citizens will hear you but not see you.");
    case "no_device":
      return t("Neither camera nor microphone was found. Plug one in and check again.");
    default:
      return t("This browser or address cannot open the camera. Use a current browser over https.");
  }
}
