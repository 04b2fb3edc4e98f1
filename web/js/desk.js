// desk.js — wires the agent's page: the lobby, the call, the shared form, papers, read-back, decision and outcome.
import { CallTiles } from "./components/call-tiles.js";
import { CallView } from "./components/call-view.js";
import { CallExtras } from "./components/call-extras.js";
import { Captions } from "./components/captions.js";
import { Chat } from "./components/chat.js";
import { enhanceCompany } from "./components/company.js";
import { CountDownElement } from "./components/count-down.js";
import "./components/count-up.js";
import { closeDialogue, openDialogue } from "./components/dialogue.js";
import { DeskCalls } from "./components/desk-calls.js";
import { enhanceKeys } from "./components/desk-keys.js";
import { DeskMatters } from "./components/desk-matters.js";
import { Lobby } from "./components/desk-lobby.js";
import { DeskOnward } from "./components/desk-onward.js";
import { DeskPapers } from "./components/desk-papers.js";
import { DeskSteps } from "./components/desk-steps.js";
import { LiveForm } from "./components/live-form.js";
import { part, write } from "./components/parts.js";
import { pointAtFields } from "./components/pointing.js";
import { QualityPanel } from "./components/quality-panel.js";
import { say } from "./components/toast.js";
import { Typing } from "./components/typing.js";
import { DeskSocket } from "./lib/desk-socket.js";
import { Panels } from "./lib/panels.js";
import { socketUrl } from "./lib/socket.js";
import { t } from "./lib/texts.js";

/** @import { StageChanged } from "./lib/messages.js" */

const desk = /** @type {HTMLElement} */ (document.querySelector("[data-desk]"));
const stage = /** @type {HTMLElement} */ (desk.querySelector(".video-stage"));
const socket = new DeskSocket(socketUrl("/ws/desk"));
const panels = new Panels("/desk/panels");
const lobby = new Lobby(/** @type {HTMLElement} */ (desk.querySelector(".lobby")), socket);
const form = new LiveForm(desk, socket, "agent");
const call = new CallView(stage, socket, "agent");
const chat = new Chat(/** @type {HTMLElement} */ (desk.querySelector('[data-panel="chat"]')), socket, "agent");
const typing = new Typing(chat.root, socket, "agent", false);
const quality = new QualityPanel(/** @type {HTMLElement} */ (part(desk, "quality-panel")), socket, call.watch);
const papers = new DeskPapers(desk, socket);
const captions = new Captions(stage, socket, call, () => part(desk, "peer-name")?.dataset.captions ?? "off");
const steps = new DeskSteps(desk, socket, (names) => void panels.renew(names));

new DeskMatters(desk, (names) => void panels.renew(names));
new CallTiles(stage, socket, call);
enhanceCompany(desk, () => void panels.renew(["company"]));
enhanceCompany(desk, () => void panels.renew(["recording"]), "recording");
const calls = new DeskCalls(desk, socket, form);
const onward = new DeskOnward(desk, (names) => panels.renew(names));

/** Panels of the lobby and of a call; "progress" stands inside "form". */
const LOBBY = ["status", "offer"];
const IN_CALL = ["status", "matters", "citizen", "recording", "company", "form", "materials", "read_back", "decision", "chat"];
/** Without a message from the line the waiting count is looked up this often, in milliseconds. */
const COUNT_EVERY_MS = 15_000;
const LOOK_AGAIN_MS = 2_500;
const TICK_MS = 1_000;

let dueStep = "";
/** What was missed while the line was down is not told again: after connecting everything is fetched. */
let missed = true;
/** Stages are followed one after the other. */
let turn = Promise.resolve();

/**
 * Each call of the desk has a stage. A call that was not there before comes to the front, and when the one in front
 * is over, who waits longest for an answer.
 * @param {StageChanged} message
 */
async function followStage({ stage: next, session, version, peer_online }) {
  if (version < Number(desk.dataset.version)) return;
  desk.dataset.version = String(version);
  const known = calls.knew(session ?? "");
  await panels.renew(["calls"]);
  const front = socket.front;
  if (session && front && session !== front && known && calls.holds(front)) return panels.renew(["status"]);
  if (calls.bring(session ?? "")) missed = true;
  const before = desk.dataset.stage;
  lobby.follow(next);
  showPeer(peer_online);
  if (before === next && !missed) return panels.renew(next === "in_call" ? ["matters", "citizen", "recording", "company", "status"] : LOBBY);
  // The panels first, so that nothing of the citizen before is seen when the columns open.
  await panels.renew(missed ? [...IN_CALL, ...panelsOf(next), "calls", "outcome"] : panelsOf(next));
  if (missed) calls.restore();
  missed = false;
  desk.dataset.stage = next;
  if (next !== "in_call" && call.running) call.leave();
  if (next !== "wrap_up") closeDialogue("outcome");
  if (next !== "in_call") for (const name of ["park", "transfer"]) closeDialogue(name);
  if (next === "in_call") enterCall();
  if (next === "wrap_up") steps.refresh();
  if (next === "offered") setTimeout(lookAgain, LOOK_AGAIN_MS);
}

/** Another call comes to the front; what was typed in the one before stays there. @param {string} session */
async function turnTo(session) {
  calls.bring(session);
  closeDialogue("outcome");
  await panels.renew([...IN_CALL, "calls", "outcome"]);
  calls.restore();
  const outcome = desk.querySelector('[data-panel="outcome"] [data-role="outcome"]');
  desk.dataset.stage = outcome ? "wrap_up" : "in_call";
  if (outcome) steps.refresh();
  else enterCall();
  const field = part(desk, "chat-form")?.querySelector("input");
  if (!outcome && desk.dataset.mode === "text" && field instanceof HTMLInputElement) field.focus();
}

/** @param {import("./lib/messages.js").ChatSaid} message */
function heardBeside({ author }) {
  if (author === "citizen") lobby.touch();
  void panels.renew(["calls"]);
}

/** A citizen's page needs a moment to connect; the card then says so, unless a reason is being chosen. */
function lookAgain() {
  const choosing = document.activeElement instanceof HTMLSelectElement;
  if (desk.dataset.stage === "offered" && !choosing) void panels.renew(["offer"]);
}

/** @param {string} next */
function panelsOf(next) {
  if (next === "in_call") return IN_CALL;
  return next === "wrap_up" ? ["status", "outcome", "decision", "recording"] : [...LOBBY, "outcome"];
}

function enterCall() {
  if (!call.running) quality.clear();
  const name = part(desk, "peer-name");
  desk.dataset.mode = name?.dataset.mode ?? "";
  const shown = stage.querySelector(".video-stage__name");
  if (shown && name) shown.textContent = name.dataset.name ?? "";
  chat.toEnd();
  captions.refresh();
  if (call.running || name?.dataset.mode === "text") return;
  call.use(lobby.take());
  void call.join();
}

/** @param {boolean} online */
function showPeer(online) {
  if (desk.dataset.stage !== "in_call") return;
  call.peerHere(online);
}

function showLine() {
  const line = part(document, "line");
  if (!line) return;
  line.dataset.line = socket.state;
  if (socket.state === "lost") missed = true;
  const words = {
    lost: t("Connection lost; reconnecting. Nothing is lost."),
    connecting: t("Connecting"),
    replaced: t("The desk is open in another window. Reload to work here."),
    signed_out: t("You have been signed out. Please sign in again."),
  };
  write(line, "line-text", words[/** @type {keyof typeof words} */ (socket.state)] ?? "");
  if (socket.state === "replaced" && call.running) call.leave();
  if (socket.state === "signed_out") location.assign("/staff/sign-in");
}

/** @param {Event} event */
function refreshPanel(event) {
  const name = /** @type {CustomEvent<string>} */ (event).detail;
  if (name === "form") form.refresh();
  if (name === "company") call.showStanding(desk);
  if (name === "materials") papers.refresh();
  if (name === "chat") chat.toEnd();
  if (name === "outcome" && desk.dataset.stage === "wrap_up") steps.refresh();
  if (name === "chat") typing.refresh();
  if (name === "offer") lobby.refresh();
  if (name === "park" || name === "transfer") onward.refresh(name);
  if (name === "status") showLine();
  if (name === "read_back" || name === "decision") showDueStep();
}

/** Bring the step that has become due into view, once, without taking the focus. */
function showDueStep() {
  const step = desk.querySelector("[data-panel] [data-due]")?.closest("[data-panel]");
  const name = step instanceof HTMLElement ? step.dataset.panel ?? "" : "";
  if (step && name !== dueStep) step.scrollIntoView({ block: "nearest", behavior: "smooth" });
  dueStep = name;
}

/** @param {string[]} names */
function renew(names) {
  // Whether one may read back or hand in depends on the form, the papers and the identity check.
  const due = names.some((name) => name === "progress" || name === "materials" || name === "citizen");
  void panels.renew(due ? [...names, "progress", "read_back", "decision"] : names);
}

/** Who waits changes without a word to this desk; a list in which a reason is being chosen stays. */
function count() {
  if (desk.dataset.stage === "in_call" || socket.state !== "open") return;
  const choosing = document.activeElement instanceof HTMLSelectElement;
  const listed = desk.querySelector(".taking") && !choosing;
  void panels.renew(listed ? LOBBY : ["status"]);
}

function tick() {
  for (const place of document.querySelectorAll("[data-waits-since]")) showSince(/** @type {HTMLElement} */ (place), "waitsSince");
  const timer = document.querySelector("[data-since]");
  if (!(timer instanceof HTMLElement)) return;
  showSince(timer, "since");
}

/**
 * @param {HTMLElement} place
 * @param {"since" | "waitsSince"} kept
 */
function showSince(place, kept) {
  const seconds = Math.max(0, Math.floor((Date.now() + CountDownElement.aheadMs) / 1000 - Number(place.dataset[kept])));
  place.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

socket.on("hello", ({ now_ms }) => (CountDownElement.aheadMs = now_ms - Date.now()));
socket.on("stage.changed", (message) => (turn = turn.then(() => followStage(message))));
socket.on("device.code", ({ code }) => {
  write(document, "device-code", `${code.slice(0, 3)} ${code.slice(3)}`);
  openDialogue("device-code");
});
socket.on("offer.made", () => {
  if (socket.front) lobby.ringBeside();
  void panels.renew(socket.front ? ["calls"] : LOBBY);
});
socket.on("offer.withdrawn", () => socket.front && void panels.renew(["calls"]));
socket.on("chat.said", () => desk.querySelector(".calls") && void panels.renew(["calls"]));
socket.besides("chat.said", heardBeside);
calls.addEventListener("turn", (event) => (turn = turn.then(() => turnTo(/** @type {CustomEvent<string>} */ (event).detail))));
socket.on("panel.changed", (message) => renew(message.panels));
socket.on("error", (message) => say(message.text, "attention"));
socket.addEventListener("state", showLine);
panels.addEventListener("renewed", refreshPanel);
call.addEventListener("left", () => call.leave());
desk.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLFormElement && event.target.dataset.role === "form") event.preventDefault();
});
enhanceKeys(desk);
new CallExtras(call);
pointAtFields(desk, socket);
setInterval(tick, TICK_MS);
setInterval(count, COUNT_EVERY_MS);
call.showStanding(desk);
lobby.follow(desk.dataset.stage ?? "");
lobby.refresh();
if (desk.dataset.stage === "in_call") enterCall();
socket.open();
