// help.js — what to do when camera or microphone cannot be opened, in the words of the system one holds in hand.
import { platform } from "./platform.js";
import { t } from "./texts.js";

/**
 * What is wrong, and what to do about it step by step. Nothing for `ok`.
 * @param {string} reason a code of devices.js
 * @param {import("./platform.js").Platform} [here]
 * @returns {{ what: string, steps: string[] }}
 */
export function deviceHelp(reason, here = platform()) {
  switch (reason) {
    case "permission_denied":
      return { what: t("The browser may not use camera or microphone."), steps: permission(here) };
    case "device_busy":
      return { what: t("Another program is using the camera or microphone."), steps: busy(here) };
    case "no_camera":
      return { what: t("No camera found."), steps: [t("You can go on by voice only."), t("Or connect a camera and test again; your place is kept.")] };
    case "no_device":
      return { what: t("No microphone found."), steps: [t("Connect a headset or microphone and test again."), t("Or go on in writing, or open your link on a phone.")] };
    case "insecure_origin":
      return { what: t("This address is not secure (https), so the browser allows no camera."), steps: [t("Open the address of your text message or of the government's site; it begins with https.")] };
    case "unsupported":
      return { what: t("This browser cannot make video calls."), steps: [here.inside ? inside(here) : t("Open your link in the phone's own browser, or in a newer one.")] };
    default:
      return { what: "", steps: [] };
  }
}

/** @param {import("./platform.js").Platform} here */
function permission(here) {
  if (here.inside) return [inside(here), t("Or allow this app camera and microphone in the phone's settings, then test again.")];
  if (here.system === "ios") {
    return [t("Press “aA” or the sign beside the address, then “Website Settings”, and allow camera and microphone."),
      t("If it is not there: Settings → Safari → Camera and Microphone → Ask or Allow."), t("Then test again.")];
  }
  if (here.system === "android") {
    return [t("Press the sign beside the address, then “Permissions”, and allow camera and microphone."),
      t("If it is not there: Settings → Apps → your browser → Permissions."), t("Then test again.")];
  }
  if (here.browser === "firefox") return [t("Press the crossed-out camera beside the address and remove the block."), t("Then test again.")];
  return [t("Press the sign beside the address and allow camera and microphone."),
    t("If it stays blocked: allow the browser the camera in the system's privacy settings."), t("Then test again.")];
}

/** @param {import("./platform.js").Platform} here */
function busy(here) {
  if (here.system === "desktop") return [t("Close other video programs and other tabs with a camera (meetings, chat, camera)."), t("Then test again.")];
  return [t("End other calls and close other apps that use the camera."), t("If it does not help: lock the phone once and unlock it."), t("Then test again.")];
}

/** @param {import("./platform.js").Platform} here */
function inside(here) {
  if (here.inside === "wechat") return t("Press “…” at the top right, then “Open in browser”.");
  if (here.inside === "alipay") return t("Press “…” at the top right, copy the link, and open it in the phone's browser.");
  return t("Open the menu of this app, choose “Open in browser”, or copy your link into the phone's browser.");
}

/** How to leave the app that shows this page. @param {import("./platform.js").Platform} [here] */
export function wayOut(here = platform()) {
  return inside(here);
}
