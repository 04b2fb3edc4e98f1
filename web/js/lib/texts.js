// texts.js — the words that scripts say, in the language of the page.

/** @type {Record<string, string> | null} */
let texts = null;

/** @returns {Record<string, string>} */
function known() {
  if (!texts) texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
  return texts ?? {};
}

/**
 * The sentence for `msgid` with its `%(name)s` places filled.
 * @param {string} msgid the English sentence
 * @param {Record<string, string | number>} [values]
 */
export function t(msgid, values = {}) {
  return (known()[msgid] || msgid).replace(/%\((\w+)\)[sd]/g, (place, name) => String(values[name] ?? place));
}
