// streets — a list of streets shows only those of the chosen district; without a script they stand grouped by district.

/** @param {HTMLSelectElement} streets */
function offerOwn(streets) {
  const district = streets.form?.elements.namedItem(streets.dataset.of ?? "");
  if (!(district instanceof HTMLSelectElement)) return;
  for (const group of streets.querySelectorAll("optgroup")) {
    group.hidden = group.disabled = Boolean(district.value) && group.dataset.district !== district.value;
  }
  if (streets.value && !streets.value.startsWith(district.value)) streets.value = "";
}

/** @param {ParentNode} root */
export function enhanceStreets(root) {
  for (const streets of root.querySelectorAll("select[data-of]")) {
    if (!(streets instanceof HTMLSelectElement)) continue;
    offerOwn(streets);
    const district = streets.form?.elements.namedItem(streets.dataset.of ?? "");
    if (district instanceof HTMLElement) district.addEventListener("change", () => offerOwn(streets));
  }
}
