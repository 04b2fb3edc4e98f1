// uploads — a chosen photo is sent at once, made smaller on the phone first, with a bar that shows how far it is.
import { t } from "../lib/texts.js";
import { csrf, part } from "./parts.js";

/** Text stays readable at this edge, and a phone photo shrinks from 8 MB to about half a megabyte. */
const LONGEST_EDGE = 2_200;
const QUALITY = 0.86;
const SEND_WITHIN_MS = 120_000;

/**
 * @param {HTMLElement} root
 * @param {(form: HTMLFormElement) => void} sent called when the server has the photo
 */
export function enhanceUploads(root, sent) {
  root.dataset.sendsPhotos = "";
  root.addEventListener("change", (event) => {
    const input = event.target;
    const form = input instanceof HTMLInputElement ? input.closest('form[data-role="upload"]') : null;
    if (form instanceof HTMLFormElement && input instanceof HTMLInputElement && input.files?.[0]) {
      void give(form, input, input.files[0], sent);
    }
  });
  root.addEventListener("submit", (event) => {
    if (event.target instanceof HTMLFormElement && event.target.dataset.role === "upload") event.preventDefault();
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} input
 * @param {File} file
 * @param {(form: HTMLFormElement) => void} sent
 */
async function give(form, input, file, sent) {
  complain(form, "");
  input.disabled = true;
  const body = new FormData();
  body.set("csrf", csrf());
  body.set("file", await smaller(file), "photo.jpg");
  const problem = await send(form.action, body, (share) => showShare(form, share));
  input.disabled = false;
  input.value = "";
  showShare(form, null);
  if (problem === null) sent(form);
  else complain(form, problem || t("The photo did not arrive. Please try again."));
}

/**
 * A photo no larger than needed, upright, without the place it was taken. What cannot be read here goes as it is.
 * @param {File} file
 * @returns {Promise<Blob>}
 */
async function smaller(file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const share = Math.min(1, LONGEST_EDGE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * share);
    canvas.height = Math.round(picture.height * share);
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", QUALITY));
  } catch {
    return file;
  }
}

/**
 * @param {string} address
 * @param {FormData} body
 * @param {(share: number) => void} progress
 * @returns {Promise<string | null>} null when it arrived, else the server's sentence or ""
 */
function send(address, body, progress) {
  return new Promise((done) => {
    // fetch tells nothing about the way up; XMLHttpRequest does.
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.timeout = SEND_WITHIN_MS;
    request.setRequestHeader("X-CSRF", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => done(request.status < 400 ? null : sentenceOf(request.responseText));
    request.onerror = request.ontimeout = () => done("");
    request.send(body);
  });
}

/** @param {string} text */
function sentenceOf(text) {
  try {
    return String(JSON.parse(text).title ?? "");
  } catch {
    return "";
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {number | null} share
 */
function showShare(form, share) {
  const bar = part(form, "progress");
  if (!(bar instanceof HTMLProgressElement)) return;
  bar.hidden = share === null;
  bar.value = share ?? 0;
}

/**
 * @param {HTMLFormElement} form
 * @param {string} text
 */
function complain(form, text) {
  const place = part(form, "upload-error");
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}
