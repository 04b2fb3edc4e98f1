// guest.js — wires the page of somebody invited into a call, and of a supervisor: join when the citizen has agreed.
import { CallTiles } from "./components/call-tiles.js";
import { CallView } from "./components/call-view.js";
import { Captions } from "./components/captions.js";
import { Chat } from "./components/chat.js";
import { enhanceCompany } from "./components/company.js";
import { CountDownElement } from "./components/count-down.js";
import "./components/count-up.js";
import { part } from "./components/parts.js";
import { say } from "./components/toast.js";
import { enhanceUploads } from "./components/uploads.js";
import { Panels } from "./lib/panels.js";
import { Socket, socketUrl } from "./lib/socket.js";

const page = /** @type {HTMLElement} */ (document.getElementById("main"));
const here = page.dataset.here ?? "/guest";
const socket = new Socket(socketUrl(`/ws${here}`));
const panels = new Panels(`${here}/panels`);
const stage = /** @type {HTMLElement} */ (page.querySelector(".video-stage"));
const call = new CallView(stage, socket, "guest");
new CallTiles(stage, socket, call, { namesFirst: true });
new Captions(stage, socket, call);

function follow() {
  const standing = page.querySelector("[data-panel='company'] [data-stage]");
  const where = standing instanceof HTMLElement ? standing.dataset.stage : "ended";
  const picture = part(page, "call");
  if (picture) picture.hidden = where !== "in_call";
  if (where === "in_call" && !call.running && socket.state === "open") void call.join({ pictured: page.dataset.kind !== "supervisor" });
  if (where !== "in_call" && call.running) call.leave();
  call.showStanding(page);
}

enhanceCompany(page, () => void panels.renew(["company"]));
enhanceUploads(page, () => void panels.renew(["counter"]));
new Chat(page, socket, "self");
socket.on("hello", ({ now_ms }) => (CountDownElement.aheadMs = now_ms - Date.now()));
socket.on("panel.changed", (message) => void panels.renew(message.panels));
socket.on("error", (message) => say(message.text, "attention"));
socket.addEventListener("state", () => {
  if (socket.state === "open") void panels.renew(["company", "counter"]);
  if (socket.state === "replaced") call.leave();
});
panels.addEventListener("renewed", follow);
call.addEventListener("left", () => call.leave());
follow();
socket.open();
