// floating — while a citizen fills in the form on a phone, the picture shrinks into the corner in which it does not
// hide the field. A tap on it, or leaving the field, brings it back.

const NARROW = matchMedia("(max-width: 59.99rem)");
/** Below this share of the page's visible height a field stands low, and the picture goes to the top. */
const LOW = 0.4;

/**
 * @param {HTMLElement} page
 * @param {HTMLElement} stage
 */
export function floatWhileFilling(page, stage) {
  page.addEventListener("focusin", ({ target }) => {
    const field = target instanceof Element ? target.closest('[data-role="form"] :is(input, select, textarea)') : null;
    if (field && NARROW.matches && stage.dataset.state) shrink(stage, field);
  });
  page.addEventListener("focusout", () => setTimeout(() => !typing(page) && delete stage.dataset.floating, 0));
  stage.addEventListener("click", () => delete stage.dataset.floating);
  visualViewport?.addEventListener("resize", () => {
    const field = typing(page);
    if (field && stage.dataset.floating) shrink(stage, field);
  });
}

/** @param {HTMLElement} stage @param {Element} field */
function shrink(stage, field) {
  const height = visualViewport?.height ?? innerHeight;
  stage.dataset.floating = field.getBoundingClientRect().top > height * LOW ? "top" : "bottom";
}

/** The form's field that has the cursor. @param {HTMLElement} page */
function typing(page) {
  return page.querySelector('[data-role="form"] :is(input, select, textarea):focus');
}
