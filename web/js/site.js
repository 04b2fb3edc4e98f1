// site.js — what every page wires. Nothing here is needed to read or to send a page.
import "./components/count-down.js";
import "./components/tab-set.js";
import { enhancePreferences } from "./components/preferences.js";
import { enhanceDialogues } from "./components/dialogue.js";
import { enhanceForms } from "./components/forms.js";
import { enhanceCopying } from "./components/copying.js";
import { enhancePrinting } from "./components/printing.js";

enhancePreferences(document);
enhanceDialogues(document);
enhanceForms(document);
enhanceCopying(document);
enhancePrinting(document);
