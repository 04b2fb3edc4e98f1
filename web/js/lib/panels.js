// panels.js — fetches a server-written part of the page again, and keeps what the person is doing in it.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("cw", {
  createHTML: (/** @type {string} */ html) => html,
});

/**
 * Event "renewed" (CustomEvent<string>, the panel's name) after a panel's children were replaced.
 * @example const panels = new Panels("/desk/panels"); await panels.renew(["form"]);
 */
export class Panels extends EventTarget {
  /** @type {Set<string>} names asked for while a fetch is under way */
  #wanted = new Set();
  /** @type {Promise<void> | null} */
  #running = null;
  /** @type {Map<string, string>} */
  #last = new Map();

  /** @param {string} base address the names are asked from */
  constructor(base) {
    super();
    this.base = base;
  }

  /**
   * Fetch these panels, all in one request; what is asked for meanwhile is fetched right afterwards. Names
   * without a place on this page are left out.
   * @param {Iterable<string>} names
   * @returns {Promise<void>}
   */
  async renew(names) {
    for (const name of names) if (placeOf(name)) this.#wanted.add(name);
    if (!this.#wanted.size) return;
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  /** Fetch every panel of the page. */
  async renewAll() {
    const places = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-panel]"));
    await this.renew([...places].map((place) => place.dataset.panel ?? ""));
  }

  async #drain() {
    await Promise.resolve(); // what is asked for in the same turn goes along
    while (this.#wanted.size) {
      const names = [...this.#wanted];
      this.#wanted.clear();
      await this.#fetch(names);
    }
  }

  /** @param {string[]} names */
  async #fetch(names) {
    const { search } = globalThis.location;
    const query = new URLSearchParams(search);
    query.set("names", names.join(","));
    const address = `${this.base}?${query}`;
    const answer = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
    if (!answer?.ok) return;
    const parts = /** @type {Record<string, string>} */ (await answer.json());
    if (search !== globalThis.location.search) {
      for (const name of names) this.#wanted.add(name); // the page shows something else by now
      return;
    }
    for (const [name, html] of Object.entries(parts)) this.#show(name, html);
  }

  /** @param {string} name @param {string} html */
  #show(name, html) {
    const place = placeOf(name);
    if (!place || this.#last.get(name) === html) return;
    this.#last.set(name, html);
    replaceKeeping(place, html);
    this.dispatchEvent(new CustomEvent("renewed", { detail: name }));
  }
}

/**
 * @param {string} name
 * @returns {HTMLElement | null}
 */
function placeOf(name) {
  return document.querySelector(`[data-panel="${CSS.escape(name)}"]`);
}

/**
 * Replace the children of `place`, keeping focus, what was typed and not yet sent, open details and scrolling.
 * @param {HTMLElement} place
 * @param {string} html
 */
export function replaceKeeping(place, html) {
  const focus = keptFocus(place);
  const typed = typedIn(place);
  const open = [...place.querySelectorAll("details[open][id]")].map((details) => details.id);
  const scrolled = [...place.querySelectorAll("[data-keep-scroll]")].map((part) => part.scrollTop);
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  const section = parsed.querySelector(`[data-panel="${CSS.escape(place.dataset.panel ?? "")}"]`);
  const next = section ?? parsed.body;
  if (next.innerHTML === place.innerHTML) return; // a selection in unchanged text stays
  place.replaceChildren(...next.childNodes);
  for (const [key, value] of typed) restore(place, key, value);
  for (const id of open) place.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  place.querySelectorAll("[data-keep-scroll]").forEach((part, index) => (part.scrollTop = scrolled[index] ?? 0));
  focus();
}

/**
 * @param {Element} control
 * @returns {string | null} a selector that finds the same control in the new children
 */
function keyOf(control) {
  const name = control.getAttribute("name");
  const value = control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type) ? control.value : null;
  if (control.id) return `#${CSS.escape(control.id)}`;
  if (!name) return null;
  return `[name="${CSS.escape(name)}"]` + (value === null ? "" : `[value="${CSS.escape(value)}"]`);
}

/** @param {HTMLElement} place */
function keptFocus(place) {
  const active = document.activeElement;
  if (!active || !place.contains(active)) return () => {};
  const key = keyOf(active);
  const text = active instanceof HTMLTextAreaElement || (active instanceof HTMLInputElement && active.type === "text") ? active : null;
  const [start, end] = [text?.selectionStart ?? null, text?.selectionEnd ?? null];
  return () => {
    const again = key ? place.querySelector(key) : null;
    if (!(again instanceof HTMLElement)) return;
    again.focus({ preventScroll: true });
    if (text && start !== null && "setSelectionRange" in again) {
      /** @type {HTMLInputElement} */ (again).setSelectionRange(start, end);
    }
  };
}

/**
 * @param {HTMLElement} place
 * @returns {[string, string | boolean][]}
 */
function typedIn(place) {
  /** @type {[string, string | boolean][]} */
  const typed = [];
  for (const control of /** @type {NodeListOf<Control>} */ (place.querySelectorAll("input, select, textarea"))) {
    const key = keyOf(control);
    if (!key || (control instanceof HTMLInputElement && control.type === "hidden")) continue;
    if (control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type)) {
      if (control.checked !== control.defaultChecked) typed.push([key, control.checked]);
    } else if (control instanceof HTMLSelectElement) {
      if ("typed" in control.dataset) typed.push([key, control.value]);
    } else if (control instanceof HTMLInputElement && control.type === "file") {
      continue;
    } else if (control.value !== control.defaultValue) {
      typed.push([key, control.value]);
    }
  }
  return typed;
}

/**
 * @param {HTMLElement} place
 * @param {string} key
 * @param {string | boolean} value
 */
function restore(place, key, value) {
  const control = /** @type {Control | null} */ (place.querySelector(key));
  if (!control) return;
  if (typeof value === "boolean") /** @type {HTMLInputElement} */ (control).checked = value;
  else control.value = value;
}
