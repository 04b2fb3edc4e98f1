// preferences — text size and theme change in place, so that a call in progress is never cut by a reload.
// Without a script each switch is an ordinary submit button; language always is, because every word changes.

/** What the stylesheet of dark colours is told for each theme. */
const DARK_MEDIA = { dark: "screen", light: "not all", auto: "screen and (prefers-color-scheme: dark)" };

/** @param {string} size "standard" or "large" */
function applyTextSize(size) {
  document.documentElement.dataset.textSize = size;
  for (const button of document.querySelectorAll('button[name="text_size"]')) {
    if (button instanceof HTMLButtonElement) button.hidden = button.value === size;
  }
}

/** @param {string} theme "dark", "light" or "auto" */
function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const link = document.getElementById("dark-colours");
  if (link instanceof HTMLLinkElement) link.media = DARK_MEDIA[/** @type {keyof typeof DARK_MEDIA} */ (theme)];
}

/** Tell the server, so that the next page remembers. @param {string} name @param {string} value */
async function remember(name, value) {
  const csrf = document.querySelector('meta[name="csrf"]')?.getAttribute("content") ?? "";
  const body = new URLSearchParams({ csrf, return_to: location.pathname, [name]: value });
  try {
    await fetch("/preferences", { method: "POST", body, redirect: "manual", keepalive: true, headers: { "X-CSRF": csrf } });
  } catch {
    // The page already looks as wished; only the memory of it is lost.
  }
}

/** @param {HTMLButtonElement} button @returns {boolean} whether the change could be made in place */
function applyInPlace(button) {
  if (button.name === "text_size") applyTextSize(button.value);
  else if (button.name === "theme") applyTheme(button.value);
  else return false;
  return true;
}

/** Change the text size from elsewhere, for instance from the controls of a call. */
export function toggleTextSize() {
  const size = document.documentElement.dataset.textSize === "large" ? "standard" : "large";
  applyTextSize(size);
  void remember("text_size", size);
}

/** @param {ParentNode} root */
export function enhancePreferences(root) {
  for (const form of root.querySelectorAll("form[data-preferences]")) {
    form.addEventListener("submit", (event) => {
      const button = event instanceof SubmitEvent ? event.submitter : null;
      if (!(button instanceof HTMLButtonElement) || !applyInPlace(button)) return;
      event.preventDefault();
      void remember(button.name, button.value);
      const shown = [...form.querySelectorAll(`button[name="${button.name}"]`)].find(
        (other) => other instanceof HTMLElement && other.offsetParent !== null,
      );
      if (shown instanceof HTMLElement) shown.focus();
    });
  }
}
