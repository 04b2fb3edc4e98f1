// <tab-set>: panes side by side when there is room; on a narrow screen one at a time, chosen by tabs.
// Keyboard: arrow keys move between tabs, Home and End to the ends. Without a script all panes stand below each other.

export class TabSetElement extends HTMLElement {
  connectedCallback() {
    const first = this.#tabs().find((tab) => tab.getAttribute("aria-selected") === "true");
    if (first) this.show(first.getAttribute("aria-controls") ?? "");
    this.addEventListener("click", (event) => {
      const tab = event.target instanceof Element ? event.target.closest('[role="tab"]') : null;
      if (tab) this.show(tab.getAttribute("aria-controls") ?? "");
    });
    this.addEventListener("keydown", (event) => this.#move(event));
  }

  /** @param {string} panel id of the pane to show */
  show(panel) {
    for (const tab of this.#tabs()) {
      const chosen = tab.getAttribute("aria-controls") === panel;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    for (const pane of this.querySelectorAll('[role="tabpanel"]')) pane.toggleAttribute("data-shown", pane.id === panel);
  }

  /** @returns {HTMLElement[]} */
  #tabs() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll('[role="tab"]')]);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const tabs = this.#tabs();
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    if (!next) return;
    this.show(next.getAttribute("aria-controls") ?? "");
    next.focus();
  }
}
customElements.define("tab-set", TabSetElement);
