// call.js — one person's connection to the video window: offers, restarts and rejoins by itself.
// Knows neither page nor socket: whoever makes a Call hands in `sendOffer`, which brings back the answer.

import { Smoothing } from "./smoothing.js";
import { StillChannel } from "./stills.js";

/**
 * @typedef {"connecting" | "connected" | "interrupted" | "failed"} CallState
 * @typedef {"audio" | "video"} Kind
 * @typedef {(sdp: string) => Promise<string>} SendOffer
 * @typedef {import("./steps.js").Rung} Rung
 */

/**
 * What flows now. Rates and losses count since the call before; `null` where nothing is known yet.
 * @typedef {object} CallStats
 * @property {number | null} rttMs
 * @property {number | null} lossPercent of what should have reached us
 * @property {number | null} lossUpPercent of what we sent, as the other side reports it
 * @property {number} kbitUp
 * @property {number} kbitDown
 * @property {number} framesDecoded
 * @property {number} framesSent
 * @property {number} width of the largest picture received, in pixels
 * @property {number} height
 * @property {number} audioLevel of the loudest voice received, 0 to 1
 * @property {number | null} availableKbit what the browser thinks the way up carries
 * @property {"none" | "network" | "device"} limit what holds the picture that is sent back
 * @property {"direct" | "relayed" | null} way how packets reach the server
 * @property {string} relayBy how they reach the relay, `udp`, `tcp` or `tls`; empty without one
 */

/** Where packets came before nothing has arrived for so long: look for a new way before the browser does. */
const STANDSTILL_MS = 1_500;
const LOOK_MS = 500;
/** How long a silent network may come back by itself, in milliseconds. */
const PATIENCE_MS = 2_000;
/** The first pause between attempts; each further one doubles, up to `LONGEST_PAUSE_MS`. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 3_000;
/** Restarts on the same connection before a new one is made; after a long silence the server has forgotten it. */
const RESTARTS = 1;
const FORGOTTEN_MS = 11_000;
/** How long a restart, and a new connection with its handshake, may take to connect before the next is tried. */
const RESTART_MS = 2_000;
const REPAIR_MS = 4_000;
/** How long an answer may take before the offer counts as lost. */
const ANSWER_MS = 10_000;
/** How often it is looked whether a connection that owes its statistics is closed. */
const CLOSED_MS = 1_000;
/** Attempts without success before the call says `failed`; it still goes on trying. */
const ATTEMPTS = 6;

/** @type {import("./ways.js").FindWays} */
const STRAIGHT = async () => ({ iceServers: [], iceTransportPolicy: "all" });

/**
 * Offers are sent by `sendOffer`, which resolves to the answer. When it rejects, or no answer comes, the call
 * tries again by itself, and the method that caused the offer rejects too; an error with `final: true` (the
 * server will never let this person in) ends the trying. `findWays` is asked before each connection and each restart.
 *
 * Events: `remote` (`detail` is a MediaStream, once per stream that may carry somebody), `state`
 * (`detail` is a {@link CallState}), `standstill` when nothing arrives any more and the line may be dead too, and
 * `moving` when something does again. The stream of the one other person is always the first.
 */
export class Call extends EventTarget {
  /** @type {SendOffer} */ #sendOffer;
  /** @type {import("./ways.js").FindWays} */ #findWays;
  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** Where the server sends to us, if not on our own connection. @type {RTCPeerConnection | null} */ #receiving = null;
  /** @type {Map<Kind, MediaStreamTrack>} */ #tracks = new Map();
  /** @type {Map<Kind, RTCRtpSender>} */ #senders = new Map();
  /** @type {Map<string, MediaStream>} */ #streams = new Map();
  /** @type {CallState} */ #state = "connecting";
  #attempts = 0;
  #making = 0;
  #pairs = 1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {Promise<void>} */ #turn = Promise.resolve();
  /** @type {Sample | null} */ #before = null;
  /** @type {Rung | null} */ #rung = null;
  /** @type {() => boolean} */ #lineUp;
  #offers = 0;
  /** The server's certificate, as the last answer named it. */
  #known = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */ #looking;
  /** What had arrived when it was last looked, when that grew last, and whether a way has been looked for since. */
  #arrived = { octets: 0, at: 0, sought: false };
  #smoothing = new Smoothing();
  #sendsStills;
  /** @type {StillChannel | null} the way for photographs through this connection, if it has one */
  stills = null;
  /** When the last joining or repair began and what came of it, in ms of `performance.now()`. */
  timing = { begun: 0, answered: 0, connected: 0 };

  /**
   * `lineUp` says whether offers can be sent now; without a line no repair is begun, `networkBack` comes with it.
   * `sendsStills` asks for a way for photographs beside sound and picture.
   * @param {{ sendOffer: SendOffer, findWays?: import("./ways.js").FindWays, lineUp?: () => boolean, sendsStills?: boolean }} parts
   */
  constructor({ sendOffer, findWays = STRAIGHT, lineUp = () => true, sendsStills = false }) {
    super();
    this.#sendOffer = sendOffer;
    this.#findWays = findWays;
    this.#lineUp = lineUp;
    this.#sendsStills = sendsStills;
  }

  /** @returns {CallState} */
  get state() { return this.#state; }

  /**
   * Join with what the person can send; `null` is to watch and listen only.
   * @param {MediaStream | null} stream
   */
  async start(stream) {
    for (const track of stream?.getTracks() ?? []) this.#tracks.set(kindOf(track), track);
    await this.rejoin();
  }

  /** Make a new connection with the same tracks: the media server has moved, or nothing else helped. */
  async rejoin() {
    this.#discard();
    const making = (this.#making += 1);
    const ways = await this.#findWays();
    if (making !== this.#making) return;
    const connection = new RTCPeerConnection({ ...ways, bundlePolicy: "max-bundle" });
    this.#connection = connection;
    connection.addEventListener("track", (event) => this.#onTrack(connection, event));
    connection.addEventListener("connectionstatechange", () => this.#onChange(connection));
    for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
      const transceiver = connection.addTransceiver(this.#tracks.get(kind) ?? kind, { direction: "sendrecv" });
      this.#senders.set(kind, transceiver.sender);
    }
    for (let pair = 1; pair < this.#pairs; pair += 1) addReceivingPair(connection);
    if (this.#sendsStills) this.stills = new StillChannel(connection);
    this.timing = { begun: performance.now(), answered: 0, connected: 0 };
    this.#arrived = { octets: 0, at: 0, sought: false };
    this.#smoothing = new Smoothing();
    this.#looking = setInterval(() => void this.#look(connection), LOOK_MS);
    this.#say("connecting");
    await this.#negotiate();
  }

  /**
   * Send another track, or none, of this kind, without renegotiating.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async replaceTrack(kind, track) {
    const before = this.#tracks.get(kind);
    if (track) this.#tracks.set(kind, track);
    else this.#tracks.delete(kind);
    if (track && before) track.enabled = before.enabled;
    await this.#senders.get(kind)?.replaceTrack(track);
    await this.#shape();
  }

  /** The tracks that are sent, by kind. @param {Kind} kind */
  trackOf(kind) {
    return this.#tracks.get(kind);
  }

  /**
   * Send no more than this step of the ladder; kept over repairs. A screen that is shared keeps its size.
   * @param {Rung} rung
   */
  async useStep(rung) {
    this.#rung = rung;
    await this.#shape();
  }

  /** The network is back, or its signalling is: a new offer goes out at once, whatever still waits for an answer. */
  async networkBack() {
    const connection = this.#connection;
    if (!connection || !this.#lineUp()) return;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    this.#turn = Promise.resolve();
    const fresh = this.#forgotten || !connection.remoteDescription || connection.connectionState === "failed";
    await this.#try(!fresh).catch(() => undefined);
  }

  /**
   * @param {Kind} kind
   * @param {boolean} muted
   */
  setMuted(kind, muted) {
    const track = this.#tracks.get(kind);
    if (track) track.enabled = !muted;
  }

  /** Find a new way through the network; pictures and keys stay. */
  async restartIce() {
    const connection = this.#connection;
    const ways = await this.#findWays();
    if (!connection || connection !== this.#connection) return;
    connection.setConfiguration({ ...ways, bundlePolicy: "max-bundle" });
    connection.restartIce();
    await this.#negotiate();
  }

  /** The server asked for it: somebody joined for whom there is no stream yet. */
  async renegotiate() {
    if (!this.#connection) return;
    this.#pairs += 1;
    addReceivingPair(this.#connection);
    await this.#negotiate();
  }

  /**
   * The server sends on a connection of its own and offers it: `fresh` for a new one, else for the one there is.
   * @param {{ sdp: string, fresh: boolean }} offer
   * @returns {Promise<string>} our answer
   */
  async receive({ sdp, fresh }) {
    const receiving = fresh ? await this.#openReceiving() : this.#receiving;
    if (!receiving) throw new Error("nothing to receive on");
    await receiving.setRemoteDescription({ type: "offer", sdp });
    await receiving.setLocalDescription(await receiving.createAnswer());
    return receiving.localDescription?.sdp ?? "";
  }

  /** Offer once more on the connection as it is: another agent has taken over in the same room. */
  async again() {
    await this.#negotiate();
  }

  /** Leave. The tracks stay open: they belong to whoever opened them. */
  stop() {
    this.#making += 1;
    this.#discard();
    this.#tracks.clear();
  }

  /**
   * Which of the server's slots a stream of a `remote` event is: 0 for the first other person, or -1.
   * @param {MediaStream} stream
   */
  slotOf(stream) {
    const found = [...this.#streams].find(([, known]) => known === stream);
    return found ? Number(found[0].replace("slot-", "")) : -1;
  }

  /** @returns {Promise<RTCStatsReport | undefined>} all that the browser knows, for who diagnoses */
  async report() {
    return this.#connection ? reportOf(this.#connection) : undefined;
  }

  /** @returns {Promise<CallStats>} */
  async stats() {
    const sample = emptySample();
    for (const connection of [this.#receiving, this.#connection]) {
      if (connection) (await reportOf(connection)).forEach((entry) => addTo(sample, entry));
    }
    const stats = compare(this.#before, sample);
    this.#before = sample;
    return stats;
  }

  /**
   * After a change of network packets go nowhere, and browsers notice after five seconds or more.
   * @param {RTCPeerConnection} connection
   */
  async #look(connection) {
    const receiving = this.#receiving;
    const own = await reportOf(connection);
    const shown = receiving ? await reportOf(receiving) : own;
    if (connection !== this.#connection) return;
    this.#smooth(receiving ?? connection, this.#smoothing.waitsMs(shown));
    const octets = arrivedIn(own) + (receiving ? arrivedIn(shown) : 0);
    const { octets: before, at, sought } = this.#arrived;
    if (octets !== before) {
      this.#arrived = { octets, at: performance.now(), sought: false };
      if (sought) this.dispatchEvent(new Event("moving"));
    } else if (at && !sought && performance.now() - at > STANDSTILL_MS && connection.connectionState === "connected") {
      this.#arrived.sought = true;
      this.dispatchEvent(new Event("standstill"));
      await this.restartIce().catch(() => undefined);
    }
  }

  /** @param {RTCPeerConnection} connection @param {number | null} waitsMs */
  #smooth(connection, waitsMs) {
    for (const receiver of /** @type {any[]} */ (connection.getReceivers())) {
      const told = receiver.track.kind === "video" && "jitterBufferTarget" in receiver;
      if (told && receiver.jitterBufferTarget !== waitsMs) receiver.jitterBufferTarget = waitsMs;
    }
  }

  /** Whether the server has heard nothing for so long that it knows the connection no more. */
  get #forgotten() {
    return this.#arrived.at > 0 && performance.now() - this.#arrived.at > FORGOTTEN_MS;
  }

  #discard() {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    this.#turn = Promise.resolve(); // a new connection waits for no answer to the old one
    this.#known = "";
    this.#connection?.close();
    this.#connection = null;
    this.#receiving?.close();
    this.#receiving = null;
    this.stills = null;
    this.#senders.clear();
    this.#streams.clear();
    this.#before = null;
  }

  /** @returns {Promise<RTCPeerConnection>} a later call closes it */
  async #openReceiving() {
    const making = this.#making;
    const ways = await this.#findWays();
    if (making !== this.#making) throw new Error("another connection was begun");
    this.#receiving?.close();
    for (const stream of this.#streams.values()) for (const track of stream.getTracks()) stream.removeTrack(track);
    const receiving = new RTCPeerConnection({ ...ways, bundlePolicy: "max-bundle" });
    this.#receiving = receiving;
    receiving.addEventListener("track", (event) => this.#onTrack(receiving, event));
    receiving.addEventListener("connectionstatechange", () => this.#onChange(receiving));
    return receiving;
  }

  /** @param {RTCPeerConnection} connection */
  #isOurs(connection) {
    return connection === this.#connection || connection === this.#receiving;
  }

  /** Whether every connection of ours is up. */
  #flows() {
    const states = [this.#connection, this.#receiving].map((one) => one?.connectionState ?? "connected");
    return this.#connection !== null && states.every((state) => state === "connected");
  }

  /** Offers go one after the other; a later one waits for the answer of the one before. */
  #negotiate() {
    const connection = this.#connection;
    const next = this.#turn.then(() => (connection ? this.#exchange(connection) : undefined));
    this.#turn = next.catch(() => undefined);
    return next;
  }

  /** An offer made after this one takes its place: its answer is not used. @param {RTCPeerConnection} connection */
  async #exchange(connection) {
    if (connection !== this.#connection) return;
    const offer = (this.#offers += 1);
    const overtaken = () => connection !== this.#connection || offer !== this.#offers;
    try {
      const { sdp = "" } = await connection.createOffer();
      await connection.setLocalDescription({ type: "offer", sdp: withRepeatedSound(sdp) });
      const answer = await within(ANSWER_MS, this.#sendOffer(connection.localDescription?.sdp ?? ""));
      if (overtaken()) return;
      // With another certificate no key fits any more: the server had forgotten us.
      const certificate = /^a=fingerprint:.*$/m.exec(answer)?.[0] ?? "";
      if (this.#known && certificate !== this.#known) return await this.rejoin();
      this.#known = certificate;
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
      this.timing.answered ||= performance.now();
      // A restart that finds the old way again changes no state: nothing else would tell.
      if (this.#flows()) this.#settle();
      await this.#shape();
    } catch (error) {
      if (overtaken()) return;
      if (isFinal(error)) this.#say("failed");
      else this.#retryLater();
      throw error;
    }
  }

  /**
   * @param {RTCPeerConnection} connection
   * @param {RTCTrackEvent} event
   */
  #onTrack(connection, { track, streams: [named] }) {
    if (!this.#isOurs(connection)) return;
    const name = named?.id ?? "slot-0";
    const known = this.#streams.get(name);
    const stream = known ?? new MediaStream();
    stream.addTrack(track);
    if (known) return;
    this.#streams.set(name, stream);
    this.dispatchEvent(new CustomEvent("remote", { detail: stream }));
  }

  /** @param {RTCPeerConnection} connection */
  #onChange(connection) {
    if (!this.#isOurs(connection)) return;
    const state = connection.connectionState;
    if (state === "connected") {
      if (this.#flows()) this.#settle();
    } else if (state === "disconnected") {
      this.#say("interrupted");
      this.#later(PATIENCE_MS);
    } else if (state === "failed") {
      this.#retryLater();
    }
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#attempts = 0;
    this.#arrived.at = performance.now();
    this.timing.connected ||= performance.now();
    this.#say("connected");
  }

  #retryLater() {
    this.#say(this.#attempts >= ATTEMPTS ? "failed" : "interrupted");
    this.#later(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempts));
  }

  /** @param {number} pauseMs */
  #later(pauseMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#repair(), pauseMs);
  }

  async #repair() {
    const connection = this.#connection;
    if (!connection || this.#flows()) return;
    this.#attempts += 1;
    if (!this.#lineUp()) return this.#retryLater();
    // When it fails, #exchange has already planned the next attempt.
    await this.#try(this.#attempts <= RESTARTS && !this.#forgotten && !!connection.remoteDescription).catch(() => undefined);
  }

  /** Repair, and look after it. @param {boolean} restart on the same connection */
  async #try(restart) {
    await (restart ? this.restartIce() : this.rejoin());
    if (!this.#flows()) this.#later(restart ? RESTART_MS : REPAIR_MS);
  }

  /** Hold what is sent to the step; browsers that cannot shape a sender send as they like. */
  async #shape() {
    const rung = this.#rung;
    if (!rung) return;
    for (const [kind, sender] of this.#senders) {
      const parameters = sender.getParameters();
      const [encoding] = parameters.encodings ?? [];
      if (!encoding) continue;
      if (kind === "audio") encoding.active = rung.sound;
      else shapePicture(encoding, rung, sender.track);
      await sender.setParameters(parameters).catch(() => undefined);
    }
  }

  /** @param {CallState} state */
  #say(state) {
    if (state === this.#state && state !== "connecting") return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/**
 * @template T
 * @param {number} limitMs
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function within(limitMs, promise) {
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in time")), limitMs));
  return Promise.race([promise, late]);
}

/**
 * Browsers can ask for lost sound again and send it again, but offer it only when told to.
 * @param {string} sdp
 */
function withRepeatedSound(sdp) {
  return sdp.replace(/^a=rtpmap:(\d+) opus\/48000\/2\r\n/gim, (line, number) => `${line}a=rtcp-fb:${number} nack\r\n`);
}

/** @param {unknown} error */
function isFinal(error) {
  return error instanceof Error && "final" in error && error.final === true;
}

/**
 * @param {RTCRtpEncodingParameters} encoding
 * @param {Rung} rung
 * @param {MediaStreamTrack | null} track
 */
function shapePicture(encoding, rung, track) {
  encoding.active = rung.picture;
  if (!rung.picture) return;
  const { width = 0, height = 0 } = track?.getSettings() ?? {};
  const shortSide = Math.min(width, height) || rung.height;
  const screen = track?.contentHint === "detail";
  encoding.scaleResolutionDownBy = screen ? 1 : Math.max(1, shortSide / rung.height);
  encoding.maxBitrate = rung.maxKbit * 1_000;
  encoding.maxFramerate = rung.frames;
}

/** @param {RTCPeerConnection} connection */
function addReceivingPair(connection) {
  connection.addTransceiver("audio", { direction: "recvonly" });
  connection.addTransceiver("video", { direction: "recvonly" });
}

/**
 * @param {MediaStreamTrack} track
 * @returns {Kind}
 */
function kindOf(track) {
  return track.kind === "audio" ? "audio" : "video";
}

/**
 * Totals at one moment, summed over all streams.
 * @typedef {object} Sample
 * @property {number} at in milliseconds
 * @property {number} octetsUp
 * @property {number} octetsDown
 * @property {number} received
 * @property {number} lost
 * @property {number} framesDecoded
 * @property {number} framesSent
 * @property {number} width
 * @property {number} height
 * @property {number} audioLevel
 * @property {number | null} rttSeconds
 * @property {number | null} lossUp share of 1
 * @property {number | null} availableKbit
 * @property {"none" | "network" | "device"} limit
 * @property {Map<string, any>} candidates
 * @property {any} pair
 */

/** @returns {Sample} */
function emptySample() {
  return {
    at: performance.now(), octetsUp: 0, octetsDown: 0, received: 0, lost: 0, framesDecoded: 0, framesSent: 0,
    width: 0, height: 0, audioLevel: 0, rttSeconds: null, lossUp: null, availableKbit: null, limit: "none",
    candidates: new Map(), pair: null,
  };
}

/**
 * @param {Sample} sample
 * @param {any} entry one entry of the browser's statistics, of whatever type
 */
function addTo(sample, entry) {
  if (entry.type === "inbound-rtp") {
    sample.octetsDown += entry.bytesReceived ?? 0;
    sample.received += entry.packetsReceived ?? 0;
    sample.lost += entry.packetsLost ?? 0;
    sample.framesDecoded += entry.framesDecoded ?? 0;
    sample.width = Math.max(sample.width, entry.frameWidth ?? 0);
    sample.height = Math.max(sample.height, entry.frameHeight ?? 0);
    sample.audioLevel = Math.max(sample.audioLevel, entry.audioLevel ?? 0);
  } else if (entry.type === "outbound-rtp") {
    sample.octetsUp += entry.bytesSent ?? 0;
    sample.framesSent += entry.framesSent ?? 0;
    if (entry.qualityLimitationReason === "cpu") sample.limit = "device";
    else if (entry.qualityLimitationReason === "bandwidth" && sample.limit === "none") sample.limit = "network";
  } else if (entry.type === "remote-inbound-rtp") {
    sample.lossUp = Math.max(sample.lossUp ?? 0, entry.fractionLost ?? 0);
    sample.rttSeconds = Math.max(sample.rttSeconds ?? 0, entry.roundTripTime ?? 0);
  } else if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
    sample.pair = entry;
    if (entry.availableOutgoingBitrate) sample.availableKbit = Math.round(entry.availableOutgoingBitrate / 1_000);
  } else if (entry.type === "local-candidate") {
    sample.candidates.set(entry.id, entry);
  }
}

/**
 * What the browser knows. Firefox never answers who asked before the connection was closed: they get an empty report.
 * @param {RTCPeerConnection} connection
 * @returns {Promise<RTCStatsReport>}
 */
async function reportOf(connection) {
  const report = connection.getStats().catch(() => new Map());
  for (;;) {
    const answered = await within(CLOSED_MS, report).catch(() => null);
    if (answered) return answered;
    if (connection.connectionState === "closed") return new Map();
  }
}

/** Octets of any kind that have arrived, answers to checks included. @param {RTCStatsReport} report */
function arrivedIn(report) {
  let octets = 0;
  report.forEach((entry) => {
    if (entry.type === "transport") octets += entry.bytesReceived ?? 0;
  });
  return octets;
}

/**
 * @param {Sample | null} before
 * @param {Sample} now
 * @returns {CallStats}
 */
function compare(before, now) {
  const elapsedMs = before ? now.at - before.at : 0;
  const received = now.received - (before?.received ?? 0);
  const lost = Math.max(0, now.lost - (before?.lost ?? 0));
  const kbit = (/** @type {number} */ octets) => (elapsedMs > 0 ? Math.round((octets * 8) / elapsedMs) : 0);
  return {
    rttMs: roundTripOf(now),
    lossPercent: received + lost > 0 ? (100 * lost) / (received + lost) : null,
    lossUpPercent: now.lossUp === null ? null : 100 * now.lossUp,
    kbitUp: kbit(now.octetsUp - (before?.octetsUp ?? 0)),
    kbitDown: kbit(now.octetsDown - (before?.octetsDown ?? 0)),
    framesDecoded: now.framesDecoded,
    framesSent: now.framesSent,
    width: now.width,
    height: now.height,
    audioLevel: now.audioLevel,
    availableKbit: now.availableKbit,
    limit: now.limit,
    ...wayOf(now),
  };
}

/** To the other person as their reports tell, else to the server. @param {Sample} sample */
function roundTripOf({ rttSeconds, pair }) {
  const seconds = rttSeconds ?? pair?.currentRoundTripTime ?? null;
  return seconds === null ? null : Math.round(seconds * 1000);
}

/** @param {Sample} sample @returns {Pick<CallStats, "way" | "relayBy">} */
function wayOf({ pair, candidates }) {
  const local = pair && candidates.get(pair.localCandidateId);
  if (!local) return { way: null, relayBy: "" };
  if (local.candidateType !== "relay") return { way: "direct", relayBy: "" };
  return { way: "relayed", relayBy: local.relayProtocol ?? "" };
}
