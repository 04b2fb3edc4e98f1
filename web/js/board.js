// board.js — keeps the admin's figures fresh: fetches the panels again when the server says they have moved.
import { part, write } from "./components/parts.js";
import { Panels } from "./lib/panels.js";
import { Socket, socketUrl } from "./lib/socket.js";
import { t } from "./lib/texts.js";

/** At most one round a second, however fast the figures move; at least one in fifteen, for waiting times grow. */
const AT_MOST_EVERY_MS = 1_000;
const AT_LEAST_EVERY_MS = 15_000;

const panels = new Panels("/board/panels");
const socket = new Socket(socketUrl(`/ws/board${location.search}`));
let renewedAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let planned;

function plan() {
  clearTimeout(planned);
  planned = setTimeout(() => void renew(), Math.max(0, renewedAt + AT_MOST_EVERY_MS - Date.now()));
}

async function renew() {
  renewedAt = Date.now();
  await panels.renewAll();
  showLine();
}

function showLine() {
  const line = part(document, "line");
  if (!line) return;
  line.dataset.line = socket.state;
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "Asia/Shanghai" }).format(renewedAt || Date.now());
  const lost = socket.state === "lost" || socket.state === "connecting";
  write(line, "line-text", lost ? t("Connection lost; figures of %(time)s", { time: clock }) : t("Live · %(time)s", { time: clock }));
  if (socket.state === "signed_out") location.assign("/staff/sign-in");
}

socket.on("board.changed", plan);
socket.addEventListener("state", () => (socket.state === "open" ? plan() : showLine()));
setInterval(() => !document.hidden && plan(), AT_LEAST_EVERY_MS);

const scope = part(document, "scope");
if (scope instanceof HTMLFormElement) {
  scope.addEventListener("change", () => scope.requestSubmit());
  scope.querySelector("button")?.setAttribute("hidden", "");
}
socket.open();
