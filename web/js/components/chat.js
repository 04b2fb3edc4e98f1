// chat — sends what was written, shows what was said; the panel may be replaced by the server at any time.
/** @import { ChatSaid } from "../lib/messages.js" */
import { t } from "../lib/texts.js";
import { part } from "./parts.js";
import { say } from "./toast.js";

export class Chat {
  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   * @param {"citizen" | "agent" | "self"} side
   */
  constructor(root, socket, side) {
    this.root = root;
    this.socket = socket;
    this.side = side;
    root.addEventListener("submit", (event) => this.#send(event));
    socket.on("chat.said", (message) => this.show(message));
    this.toEnd();
  }

  /** @param {ChatSaid} message */
  show(message) {
    const lines = part(this.root, "chat-lines");
    if (!lines || lines.querySelector(`[data-id="${message.id}"]`)) return;
    const line = document.createElement("div");
    line.className = message.author === this.side ? "chat__line chat__line--own" : "chat__line";
    line.dataset.id = String(message.id);
    line.append(span("chat__by", `${message.author === this.side ? t("You") : message.name} · ${clock(message.at_ms)}`));
    line.append(span("chat__text", message.text));
    lines.append(line);
    this.toEnd();
  }

  toEnd() {
    const lines = part(this.root, "chat-lines");
    if (lines) lines.scrollTop = lines.scrollHeight;
  }

  /** @param {SubmitEvent} event */
  async #send(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.role !== "chat-form") return;
    event.preventDefault();
    const field = form.elements.namedItem("text");
    if (!(field instanceof HTMLInputElement) || !field.value.trim()) return;
    const text = field.value.trim();
    try {
      await this.socket.request("chat.say", { text });
      if (field.value.trim() === text) field.value = "";
    } catch {
      say(t("Not sent. Please try again."), "attention");
    }
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {number} ms */
function clock(ms) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Shanghai" }).format(ms);
}
