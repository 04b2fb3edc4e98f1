// visit.js — wires the visit page: the line, the device test, the call, the shared form, papers, signature.
import { CallTiles } from "./components/call-tiles.js";
import { CallView } from "./components/call-view.js";
import { Captions } from "./components/captions.js";
import { Chat } from "./components/chat.js";
import { enhanceCompany } from "./components/company.js";
import { CountDownElement } from "./components/count-down.js";
import "./components/count-up.js";
import { CallExtras } from "./components/call-extras.js";
import { DeviceTest } from "./components/device-test.js";
import { openDialogue } from "./components/dialogue.js";
import { floatWhileFilling } from "./components/floating.js";
import { LiveForm } from "./components/live-form.js";
import { offerWayOut } from "./components/outside.js";
import { part, post, write } from "./components/parts.js";
import { showPointing } from "./components/pointing.js";
import { Signing } from "./components/signing.js";
import { Still } from "./components/still.js";
import { say } from "./components/toast.js";
import { Typing } from "./components/typing.js";
import { enhanceUploads } from "./components/uploads.js";
import { Panels } from "./lib/panels.js";
import { Socket, socketUrl } from "./lib/socket.js";
import { t } from "./lib/texts.js";

/** @import { PlaceChanged, StageChanged } from "./lib/messages.js" */

const page = /** @type {HTMLElement} */ (document.getElementById("main"));
const socket = new Socket(socketUrl("/ws/visit"));
const panels = new Panels("/visit/panels");
const form = new LiveForm(page, socket, "citizen");
const call = new CallView(/** @type {HTMLElement} */ (page.querySelector(".video-stage")), socket, "citizen");
const test = new DeviceTest(/** @type {HTMLElement} */ (part(page, "device-test")), socket, () => void panels.renew(["devices"]));
const chat = new Chat(/** @type {HTMLElement} */ (page.querySelector('[data-panel="chat"]')), socket, "citizen");
const signing = new Signing(page, () => void panels.renew(["signature"]));

const typing = new Typing(chat.root, socket, "citizen", ["text", "sign"].includes(page.dataset.mode ?? ""));

const IN_ROOM = new Set(["in_call", "on_hold"]);
/** Beyond this the server tells a place in steps of about a tenth. */
const EXACT_UP_TO = 10;
/** As long as the server keeps the room of a call that was passed on. */
const KEPT_MS = 600_000;
const NEAR = "◔ ";
let kept = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */ let keeping;
/** Panels that look different in another stage. */
const STAGED = ["ticket", "matters", "call_header", "recording", "recording_ask", "company", "ended", "chat", "case", "read_back", "signature", "devices", "form", "materials"];

new CallExtras(call);
new Captions(call.stage, socket, call, () => page.dataset.captions ?? "off");
new Still(page, call, () => void panels.renew(["materials", "devices"]));
floatWhileFilling(page, call.stage);
showPointing(page, socket);
offerWayOut(page);
new CallTiles(/** @type {HTMLElement} */ (page.querySelector(".video-stage")), socket, call);
enhanceCompany(page, () => void panels.renew(["company"]));
enhanceCompany(page, () => void panels.renew(["recording", "recording_ask"]), "recording");
enhanceUploads(page, () => void panels.renew(["materials", "devices"]));

/** @param {StageChanged} message */
function followStage(message) {
  if (message.version < Number(page.dataset.version)) return;
  const before = page.dataset.stage;
  call.peerHere(message.peer_online);
  page.dataset.version = String(message.version);
  page.dataset.stage = message.stage;
  void panels.renew(before === message.stage ? ["call_header", "recording", "recording_ask", "company", "ticket"] : STAGED);
  if (before !== message.stage) announceStage(message.stage);
  if (message.stage === "called" && before !== "called" && call.running) void call.again();
  else if (message.stage === "called" && test.open) void startCall();
  if (IN_ROOM.has(message.stage) && !call.running) rejoin();
  if (!IN_ROOM.has(message.stage) && message.stage !== "called" && call.running && !stays(message)) call.leave();
}

/** Whether the connection is kept for the next agent; somebody who waits longer is not held by an open camera. @param {StageChanged} message */
function stays({ stage, keeps_room }) {
  clearTimeout(keeping);
  if (keeps_room) kept = true;
  if (stage !== "waiting") kept = false;
  page.toggleAttribute("data-kept", kept);
  if (kept) keeping = setTimeout(() => { kept = false; page.removeAttribute("data-kept"); call.leave(); }, KEPT_MS);
  return kept;
}

/** Who speaks is known only once the call has been accepted; the picture then bears the name. */
function nameAgent() {
  const name = page.querySelector(".call-header__who strong")?.textContent;
  const shown = page.querySelector(".video-stage__name");
  if (shown && name) shown.textContent = name;
}

/** @param {string} stage */
function announceStage(stage) {
  document.title = document.title.replace(/^(● |◔ [^·]*· )/, "");
  if (stage === "called") {
    document.title = `● ${document.title}`;
    chime();
    scrollTo({ top: 0, behavior: "smooth" });
  }
}

/** Two soft tones, so that a person who looked away comes back. Browsers play them only after a first touch. */
function chime() {
  if (!navigator.userActivation?.hasBeenActive) return;
  const sound = new AudioContext();
  for (const [at, pitch] of /** @type {[number, number][]} */ ([[0, 659], [0.28, 880]])) {
    const tone = sound.createOscillator();
    const loud = sound.createGain();
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0.15, sound.currentTime + at);
    loud.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.9);
    tone.connect(loud).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 1);
  }
  setTimeout(() => void sound.close(), 2_000);
}

async function startCall() {
  if (page.dataset.mode === "text") return void socket.request("call.join").catch(() => say(t("Not sent. Please try again."), "attention"));
  call.use(test.take());
  await call.join({ pictured: page.dataset.mode !== "audio" });
}

/** After a reload the browser opens camera and sound again only if it remembers the permission; else one tap. */
function rejoin() {
  void startCall();
}

/** @param {PlaceChanged} message */
function showPlace({ ahead, low_minutes, high_minutes, agents }) {
  write(page, "ahead", ahead === null ? "–" : ahead > EXACT_UP_TO ? t("about %(number)s", { number: ahead }) : String(ahead));
  write(page, "agents", String(agents));
  const range = low_minutes === null || high_minutes === null ? "–" : low_minutes < high_minutes ? `${low_minutes}–${high_minutes}` : String(high_minutes);
  write(page, "range", range);
  const state = page.querySelector('.ticket-card[data-state="waiting"]:not([data-aside]) [data-role="state"]');
  const unstaffed = page.querySelector('[data-role="unstaffed"]');
  if (unstaffed instanceof HTMLElement) unstaffed.hidden = agents > 0;
  const uncounted = page.querySelector('[data-role="uncounted"]');
  if (uncounted instanceof HTMLElement) uncounted.hidden = true;
  if (state) state.textContent = ahead === 0 && agents > 0 ? t("Next, you are called") : t("You are in the line");
}

function showLine() {
  const place = part(page, "line-state");
  if (!place) return;
  const words = { lost: t("Connection lost; we are reconnecting. Your place is kept."), replaced: t("This visit is open in another window or on another device. Reload this page to go on here."), signed_out: t("You have been signed out. Come back with your link.") };
  const text = words[/** @type {keyof typeof words} */ (socket.state)] ?? "";
  place.textContent = text;
  place.hidden = !text;
  if (socket.state === "replaced") call.leave();
}

/** @param {Event} event */
async function followDeclarations(event) {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.closest('[data-role="declarations"]')) return;
  try {
    await socket.request("declaration.confirm", { key: box.value, confirmed: box.checked });
  } catch {
    box.checked = !box.checked;
    say(t("Not sent. Please try again."), "attention");
  }
}

/** Forms whose answer is just a renewed panel stay on the page. @param {SubmitEvent} event */
async function stayOnPage(event) {
  const sent = event.target;
  if (!(sent instanceof HTMLFormElement)) return;
  if (sent.dataset.role === "later") return askLater(event, sent, ["ticket"]);
  if (sent.dataset.role === "matter") return askLater(event, sent, ["matters", "form", "materials", "devices"]);
  const quiet = sent.dataset.role === "form" || sent.dataset.role === "declarations" || sent.action.endsWith("/remove");
  if (!quiet) return;
  event.preventDefault();
  if (sent.dataset.role === "form") return say(t("Kept"));
  if (!sent.action.endsWith("/remove")) return;
  const problem = await post(sent.action, new FormData(sent));
  if (problem) say(problem, "attention");
  void panels.renew(["materials", "devices"]);
}

/** Held, rung back, waiting here again, or another matter: the panels say it. @param {SubmitEvent} event @param {HTMLFormElement} sent @param {string[]} names */
async function askLater(event, sent, names) {
  event.preventDefault();
  const body = new FormData(sent);
  if (event.submitter instanceof HTMLButtonElement && event.submitter.name) body.set(event.submitter.name, event.submitter.value);
  const problem = await post(sent.action, body);
  if (problem !== null) say(problem || t("Not sent. Please try again."), "attention");
  void panels.renew(names);
}

/** Said once: the title shows it in another tab too. */
function tellNearly() {
  if (!part(page, "nearly") || document.title.startsWith(NEAR)) return;
  document.title = `${NEAR}${t("Nearly your turn")} · ${document.title}`;
  chime();
}

/** @param {Event} event */
function answerClick(event) {
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest('[data-role="start-call"]')) void startCall();
  const photo = target?.closest("[data-enlarge]");
  const large = part(document, "photo-large");
  if (photo instanceof HTMLElement && large instanceof HTMLImageElement) {
    large.src = photo.dataset.enlarge ?? "";
    openDialogue("photo");
  }
}

socket.on("hello", ({ now_ms }) => (CountDownElement.aheadMs = now_ms - Date.now()));
socket.on("stage.changed", followStage);
socket.on("place.changed", showPlace);
socket.on("form.changed", () => page.dataset.stage === "waiting" && void panels.renew(["devices"]));
socket.on("panel.changed", (message) => void panels.renew(message.panels));
socket.on("error", (message) => say(message.text, "attention"));
socket.addEventListener("state", showLine);
call.showStanding(page);
panels.addEventListener("renewed", (event) => {
  const name = /** @type {CustomEvent<string>} */ (event).detail;
  if (name === "form") form.refresh();
  if (name === "signature") signing.refresh();
  if (name === "chat") chat.toEnd();
  if (name === "chat") typing.refresh();
  if (name === "company") call.showStanding(page);
  if (name === "call_header") nameAgent();
  if (name === "ticket") tellNearly();
});
call.addEventListener("left", () => call.leave());
page.addEventListener("change", (event) => void followDeclarations(event));
page.addEventListener("submit", (event) => void stayOnPage(event));
page.addEventListener("click", answerClick);
socket.open();
