// situation.js — one sentence for what is happening in a call and one for what to do about it.
// Rule: what stops the talking is said before what only disturbs it.
import { deviceHelp } from "./help.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Circumstances
 * @property {"citizen" | "agent" | "guest"} side whose page this is
 * @property {import("./socket.js").SocketState} line
 * @property {import("./call.js").CallState} call
 * @property {boolean} peerHere whether the other side's page is connected
 * @property {string} peerReason why the other side sends no picture or sound; a device code, `interrupted` or `ok`
 * @property {boolean} peerCamera
 * @property {boolean} peerMicrophone
 * @property {string} ownReason
 * @property {boolean} silent whether one's own microphone gives no sound
 * @property {import("./steps.js").Step} step
 * @property {"good" | "fair" | "poor"} quality
 */

/**
 * @typedef {{ tone: "ok" | "waiting" | "attention", what: string, todo: string }} Situation
 */

/**
 * @param {Circumstances} now
 * @returns {Situation}
 */
export function situation(now) {
  return brokenLine(now) ?? brokenCall(now) ?? absentPeer(now) ?? ownDevices(now) ?? peerDevices(now) ?? narrowed(now) ?? quality(now);
}

/** @param {Circumstances} now @returns {Situation | null} */
function brokenLine({ line, side }) {
  if (line === "replaced") {
    return attention(t("This call goes on in another window or on another device."), t("Reload this page to go on here."));
  }
  if (line === "signed_out") return attention(t("You have been signed out."), t("Come back with your link or sign in again."));
  if (line === "open") return null;
  const todo = side === "agent" ? t("Nothing is lost; we reconnect by ourselves.") : t("Stay on this page: we reconnect by ourselves, and your agent waits for three minutes.");
  return attention(t("Your network is interrupted."), todo);
}

/** @param {Circumstances} now @returns {Situation | null} */
function brokenCall({ call }) {
  if (call === "connected") return null;
  if (call === "connecting") return waiting(t("Connecting sound and picture"), "");
  if (call === "interrupted") return attention(t("Sound and picture are interrupted; reconnecting"), t("Messages still arrive: you can write."));
  return attention(t("No way for sound and picture yet; we keep trying"), t("Write meanwhile, or try another network, for instance mobile data."));
}

/** @param {Circumstances} now @returns {Situation | null} */
function absentPeer({ peerHere, side }) {
  if (peerHere) return null;
  if (side === "agent") return waiting(t("The citizen's page is not connected."), t("The call is held for three minutes; after that the citizen goes back to the head of the line."));
  return waiting(t("The agent's page is not connected."), t("Please stay: the agent comes back, or the next free one takes over with everything kept."));
}

/** @param {Circumstances} now @returns {Situation | null} */
function ownDevices({ silent, ownReason }) {
  if (ownReason === "interrupted") return attention(t("Your phone has taken camera or microphone away."), t("Press “Continue”."));
  const { what } = deviceHelp(ownReason);
  if (what) return ownReason === "no_camera" ? waiting(what, t("You can be heard.")) : attention(what, t("Press the crossed-out button below: it says what to do."));
  if (silent) return attention(t("Your microphone gives no sound."), t("Check that it is not muted on the device, or choose another one."));
  return null;
}

/** @param {Circumstances} now @returns {Situation | null} */
function peerDevices({ side, peerReason, peerCamera, peerMicrophone }) {
  if (peerReason === "interrupted") {
    return side === "agent"
      ? waiting(t("The citizen's phone has taken camera or microphone away (a phone call, the lock screen or another app)."), t("Please wait a moment; they see a button to continue."))
      : waiting(t("The agent's camera or microphone is interrupted."), t("Please wait a moment."));
  }
  const lacking = side === "agent" && !(peerCamera && peerMicrophone) ? lack(peerReason) : "";
  if (lacking) return waiting(lacking, t("Their page tells them what to do; you can write to each other."));
  if (peerReason === "hidden") return waiting(t("The other side is looking at another page or app."), t("You can still be heard."));
  if (!peerMicrophone && !peerCamera) return waiting(t("The other side sends neither sound nor picture."), t("Write to each other below."));
  if (!peerMicrophone) return waiting(t("The other side is muted."), "");
  if (!peerCamera) return { tone: "ok", what: t("The other side has switched the camera off"), todo: "" };
  return null;
}

/** Why a citizen cannot be seen or heard, for the agent. @param {string} reason a device code */
function lack(reason) {
  switch (reason) {
    case "permission_denied": return t("The citizen's browser may not use camera or microphone.");
    case "device_busy": return t("Another program on the citizen's device holds camera or microphone.");
    case "no_camera": return t("The citizen has no camera.");
    case "no_device": return t("The citizen has no microphone.");
    case "insecure_origin":
    case "unsupported": return t("The citizen's browser cannot make video calls.");
    default: return "";
  }
}

/** @param {Circumstances} now @returns {Situation | null} */
function narrowed({ step }) {
  if (step === "text") return attention(t("The network is too weak for sound."), t("Please write; sound returns by itself."));
  if (step === "audio") return waiting(t("The network is weak: sound only, without your picture."), t("The picture returns by itself."));
  if (step === "stills") return waiting(t("The network is weak: sound, and a still picture each second."), "");
  if (step === "180p") return { tone: "ok", what: t("The network is slow: your picture is sent smaller."), todo: "" };
  return null;
}

/** @param {Circumstances} now @returns {Situation} */
function quality({ quality }) {
  if (quality === "poor") return waiting(t("Poor connection"), t("Move closer to the router, or switch the camera off."));
  return { tone: "ok", what: quality === "fair" ? t("Connection a little slow") : t("Good connection"), todo: "" };
}

/** @param {string} what @param {string} todo @returns {Situation} */
const attention = (what, todo) => ({ tone: "attention", what, todo });
/** @param {string} what @param {string} todo @returns {Situation} */
const waiting = (what, todo) => ({ tone: "waiting", what, todo });
