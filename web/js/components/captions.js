// captions — what is said in a call, written along by a machine: large lines with their speaker under the picture.
// Needs the captions' box of video_stage (parts/call.html); whoever may switch them on also has its button, which is
// there, marked, and says why when no machine understands the call's language. Words that are still changing are not
// announced; those that stay are, politely, also for a braille display.
import { CaptionLines } from "../lib/captions.js";
import { t } from "../lib/texts.js";
import { kindWords } from "./call-tiles.js";
import { part } from "./parts.js";
import { say } from "./toast.js";

/** @import { CaptionsChanged, CaptionsSaid } from "../lib/messages.js" */

/** The wish outlives a reload of the page, not the call. */
const WISH = "captions";
/** After an answer of the media server it may take a moment until the room knows us. */
const AGAIN_MS = 500;

export class Captions {
  #lines = new CaptionLines();
  #state = "off";
  #mine = false;
  /** @type {string[]} */ #by = [];
  /** Whether the reason why there are none is being shown. */
  #explains = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #again;

  /**
   * @param {HTMLElement} stage
   * @param {import("../lib/socket.js").Socket} socket
   * @param {import("./call-view.js").CallView} call
   * @param {() => string} standing `ready`, `no_engine` or `off`, as the server says it of this call
   */
  constructor(stage, socket, call, standing = () => "off") {
    this.stage = stage;
    this.socket = socket;
    this.call = call;
    this.standing = standing;
    part(stage, "captions-switch")?.addEventListener("click", () => void this.#press());
    socket.on("captions.changed", (message) => this.#change(message));
    socket.on("captions.said", (message) => this.#say(message));
    socket.on("call.answer", ({ purpose }) => purpose === "call" && this.#wishAgain());
    call.addEventListener("stopped", () => this.#forget());
    this.refresh();
  }

  /** Call when another call has come to the page. */
  refresh() {
    const button = part(this.stage, "captions-switch");
    const ready = this.standing() === "ready";
    button?.setAttribute("aria-disabled", String(!ready));
    button?.setAttribute("aria-pressed", String(this.#mine));
    if (ready) this.#explains = false;
    this.#show();
  }

  async #press() {
    if (this.standing() !== "ready") {
      this.#explains = !this.#explains;
      return this.#show();
    }
    const on = !this.#mine;
    this.#wish(on);
    try {
      await this.socket.request("captions.switch", { on });
    } catch (reason) {
      this.#wish(false);
      say(reason instanceof Error ? reason.message : t("Not sent. Please try again."), "attention");
    }
  }

  /** Reloaded, or in another media room after an interruption: there nobody knows yet. */
  #wishAgain() {
    if (sessionStorage.getItem(WISH) === null) return;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.socket.request("captions.switch", { on: true }).catch(() => undefined), AGAIN_MS);
  }

  /** @param {boolean} on */
  #wish(on) {
    if (on) sessionStorage.setItem(WISH, "on");
    else sessionStorage.removeItem(WISH);
  }

  /** @param {CaptionsChanged} message */
  #change({ state, mine, by }) {
    if (state === "off" || state === "starting") this.#lines.clear();
    if (state === "stopped") this.#wish(false);
    this.#state = state;
    this.#mine = mine;
    this.#by = [...by];
    this.refresh();
  }

  /** @param {CaptionsSaid} message */
  #say(message) {
    if (this.#lines.take(message)) this.#show();
  }

  /** The call is over: the next one begins without. */
  #forget() {
    clearTimeout(this.#again);
    this.#wish(false);
    this.#lines.clear();
    this.#explains = false;
    this.#change({ type: "captions.changed", state: "off", mine: false, by: [] });
  }

  #show() {
    const box = part(this.stage, "captions");
    if (!box) return;
    box.hidden = this.#state === "off" && !this.#explains;
    box.dataset.state = this.#state;
    const sign = part(box, "captions-sign");
    const words = this.#words();
    if (sign && sign.textContent !== words) sign.textContent = words;
    const shown = this.#state === "stopped" ? [] : this.#lines.shown;
    place(part(box, "captions-said"), shown.filter((line) => line.final));
    place(part(box, "captions-saying"), shown.filter((line) => !line.final));
    const lines = part(box, "captions-lines");
    if (lines) lines.hidden = shown.length === 0;
    if (lines) lines.scrollTop = lines.scrollHeight;
  }

  #words() {
    if (this.#state === "off") return this.#reason();
    if (this.#state === "starting") return t("Captions are about to begin.");
    if (this.#state === "stopped") return t("Captions have broken off. Press “Captions” to begin again.");
    const made = t("A machine writes along. It can be wrong; nothing of it is kept.");
    const late = this.#state === "behind" ? t("It does not keep up: words are missing.") : "";
    const whose = this.#mine || this.#by.length === 0 ? "" : t("Switched on by: %(who)s.", { who: this.#by.map(kindWords).join(" · ") });
    return [made, late, whose].filter(Boolean).join(" ");
  }

  #reason() {
    if (this.standing() === "off") return t("There are no automatic captions here. Write in the messages: your words can be seen while you write. A call in writing or in sign language can be chosen with the number.");
    return t("Nothing here understands Mandarin or Cantonese speech. Write in the messages: your words can be seen while you write. A call in writing or in sign language can be chosen with the number.");
  }
}

/**
 * Lines that are there already stay, so that nothing is announced twice.
 * @param {HTMLElement | null} list
 * @param {CaptionsSaid[]} lines
 */
function place(list, lines) {
  if (!list) return;
  const wanted = new Set(lines.map((line) => String(line.line)));
  for (const old of [...list.children]) if (old instanceof HTMLElement && !wanted.has(old.dataset.line ?? "")) old.remove();
  for (const line of lines) {
    const known = list.querySelector(`[data-line="${line.line}"]`);
    if (known instanceof HTMLElement) write(known, line);
    else list.append(made(line));
  }
}

/** @param {CaptionsSaid} line */
function made(line) {
  const row = document.createElement("p");
  row.className = "captions__line";
  row.dataset.line = String(line.line);
  row.lang = "en";
  const who = document.createElement("span");
  who.className = "captions__by";
  who.lang = document.documentElement.lang;
  who.textContent = line.own ? t("You") : line.name ? `${line.name} · ${kindWords(line.kind)}` : kindWords(line.kind);
  row.append(who, document.createElement("span"));
  write(row, line);
  return row;
}

/** @param {HTMLElement} row @param {CaptionsSaid} line */
function write(row, line) {
  const text = row.lastElementChild;
  if (text && text.textContent !== line.text) text.textContent = line.text;
}
