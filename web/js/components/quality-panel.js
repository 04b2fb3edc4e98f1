// quality-panel — for the agent: why a call is bad, in one line, and the losses of the last minutes as a small graph.
// Needs data-role="why" and an svg data-role="losses". The line says what the graph shows, so nothing is lost to
// those who do not see it.
import { why } from "../lib/why.js";
import { part, write } from "./parts.js";

/** @import { Measure } from "../lib/why.js" */

/** Three minutes, one point every five seconds. */
const POINTS = 36;
/** The graph's height stands for this loss; what is worse touches the top. */
const TOP_PERCENT = 20;
const WIDTH = 360;
const HEIGHT = 48;

export class QualityPanel {
  /** @type {Measure | null} */ #theirs = null;
  /** @type {Measure} */ #mine = { lossUp: null, lossDown: null, rttMs: null, kbitUp: 0, step: "", limit: "none" };
  /** @type {number[]} */ #citizen = [];
  /** @type {number[]} */ #own = [];

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/socket.js").Socket} socket
   * @param {import("./call-watch.js").CallWatch} watch
   */
  constructor(root, socket, watch) {
    this.root = root;
    socket.on("peer.quality", (told) => this.#heard(told));
    watch.addEventListener("measured", (event) => this.#measured(/** @type {CustomEvent} */ (event).detail));
  }

  /** Another citizen: what was before is not theirs. */
  clear() {
    this.#theirs = null;
    this.#citizen = [];
    this.#own = [];
    this.#draw();
  }

  /** @param {import("../lib/messages.js").PeerQuality} told */
  #heard({ loss_up, loss_down, rtt_ms, kbit_up, step, limit }) {
    this.#theirs = { lossUp: loss_up, lossDown: loss_down, rttMs: rtt_ms, kbitUp: kbit_up, step, limit };
    this.#citizen = [...this.#citizen, Math.max(loss_up ?? 0, loss_down ?? 0)].slice(-POINTS);
    this.#own = [...this.#own, Math.max(this.#mine.lossUp ?? 0, this.#mine.lossDown ?? 0)].slice(-POINTS);
    this.#draw();
  }

  /** @param {import("../lib/call.js").CallStats & { step: string }} stats */
  #measured({ lossUpPercent, lossPercent, rttMs, kbitUp, step, limit }) {
    this.#mine = { lossUp: lossUpPercent, lossDown: lossPercent, rttMs, kbitUp, step, limit };
  }

  #draw() {
    this.root.hidden = !this.#theirs;
    const words = this.#theirs ? why(this.#mine, this.#theirs) : "";
    write(this.root, "why", words);
    part(this.root, "why-none")?.toggleAttribute("hidden", Boolean(words));
    for (const [role, points] of /** @type {[string, number[]][]} */ ([["losses-citizen", this.#citizen], ["losses-own", this.#own]])) {
      part(this.root, role)?.setAttribute("points", line(points));
    }
  }
}

/** The newest point stands at the right edge. @param {number[]} points */
function line(points) {
  const step = WIDTH / (POINTS - 1);
  const first = WIDTH - (points.length - 1) * step;
  return points.map((loss, place) => `${(first + place * step).toFixed(1)},${(HEIGHT - 2 - (Math.min(loss, TOP_PERCENT) / TOP_PERCENT) * (HEIGHT - 4)).toFixed(1)}`).join(" ");
}
