// start.js — saying who one is: only the streets of one's own district are offered.
import { enhanceStreets } from "./components/streets.js";

enhanceStreets(document);
