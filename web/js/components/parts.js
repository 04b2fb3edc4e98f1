// parts.js — find the places of a page that scripts are allowed to touch: elements with data-role.

/**
 * @param {ParentNode} root
 * @param {string} role
 * @returns {HTMLElement | null}
 */
export function part(root, role) {
  return root.querySelector(`[data-role="${role}"]`);
}

/**
 * @param {ParentNode} root
 * @param {string} role
 * @param {string} text
 */
export function write(root, role, text) {
  const place = part(root, role);
  if (place && place.textContent !== text) place.textContent = text;
}

/**
 * @param {ParentNode} root
 * @param {string} role
 * @returns {HTMLVideoElement}
 */
export function video(root, role) {
  const place = part(root, role);
  if (!(place instanceof HTMLVideoElement)) throw new Error(`the page has no video "${role}"`);
  return place;
}

/** The page's CSRF token, for requests made by a script. */
export function csrf() {
  return document.querySelector('meta[name="csrf"]')?.getAttribute("content") ?? "";
}

/**
 * POST a form as the browser would, but stay on the page. Gives the refusal's sentence, or null when it was done.
 * @param {string} address
 * @param {BodyInit} body
 * @returns {Promise<string | null>}
 */
export async function post(address, body) {
  return (await ask(address, body)).problem;
}

/**
 * As `post`, with what was answered.
 * @param {string} address
 * @param {BodyInit} body
 * @returns {Promise<{ problem: string | null, told: any }>}
 */
export async function ask(address, body) {
  const headers = { "X-CSRF": csrf(), Accept: "application/json" };
  const answer = await fetch(address, { method: "POST", body, headers }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  return { problem: answer?.ok ? null : told?.title ?? "", told };
}
