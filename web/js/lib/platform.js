// platform.js — where this page runs, as far as it matters for camera and microphone: which browser, which
// system, and whether another app shows the page inside itself. Words of closed lists; nothing that names a person.

/** Apps that show pages inside themselves, by a mark in the user agent. The first that fits is taken. */
const INSIDE = /** @type {const} */ ([
  ["wechat", /MicroMessenger/i], ["alipay", /AlipayClient/i], ["dingtalk", /DingTalk/i], ["douyin", /aweme|BytedanceWebview/i],
  ["weibo", /Weibo/i], ["baidu", /baiduboxapp/i], ["qq", /\bQQ\/\d/], ["other", /; wv\)|FBAN|FBAV|Instagram|\bLine\//],
]);
/** Browsers whose user agent also names Chrome or Safari come first. */
const BROWSERS = /** @type {const} */ ([
  ["edge", /Edg(?:e|A|iOS)?\//], ["firefox", /Firefox\/|FxiOS\//], ["samsung", /SamsungBrowser/], ["uc", /UCBrowser/],
  ["quark", /Quark/], ["qqbrowser", /MQQBrowser/], ["huawei", /HuaweiBrowser/], ["miui", /MiuiBrowser/],
  ["chrome", /Chrome\/|CriOS\//], ["safari", /Safari\//],
]);

/**
 * `inside` is the app that shows the page inside itself, or ""; `system` is ios, android or desktop.
 * @typedef {{ browser: string, system: "ios" | "android" | "desktop", inside: string }} Platform
 */

/**
 * @param {string} [agent] the user agent
 * @param {number} [touches] how many fingers the screen knows; an iPad says it is a Mac
 * @returns {Platform}
 */
export function platform(agent = navigator.userAgent, touches = navigator.maxTouchPoints) {
  const ios = /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touches > 1);
  return {
    browser: BROWSERS.find(([, mark]) => mark.test(agent))?.[0] ?? "other",
    system: ios ? "ios" : /Android/.test(agent) ? "android" : "desktop",
    inside: INSIDE.find(([, mark]) => mark.test(agent))?.[0] ?? (ios && !/Safari\//.test(agent) ? "other" : ""),
  };
}

/** One word for statistics: browser, system and the app around it. */
export function family() {
  const { browser, system, inside } = platform();
  return inside ? `${inside}-${system}` : `${browser}-${system}`;
}

/** Whether the functions a call needs are here at all. */
export function canCall() {
  return "mediaDevices" in navigator && "getUserMedia" in navigator.mediaDevices && "RTCPeerConnection" in globalThis;
}
