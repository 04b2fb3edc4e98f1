// call.js — one person's connection to the video window: offers, restarts and rejoins by itself.
// Knows neither page nor socket: whoever makes a Call hands in `sendOffer`, which brings back the answer.

/**
 * @typedef {"connecting" | "connected" | "interrupted" | "failed"} CallState
 * @typedef {"audio" | "video"} Kind
 * @typedef {(sdp: string) => Promise<string>} SendOffer
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
 */

/** How long a silent network may come back by itself, in milliseconds. */
const PATIENCE_MS = 2_000;
/** The first pause between attempts; each further one doubles, up to `LONGEST_PAUSE_MS`. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** Restarts on the same connection before a new one is made. */
const RESTARTS = 2;
/** How long an answer may take before the offer counts as lost. */
const ANSWER_MS = 10_000;
/** Attempts without success before the call says `failed`; it still goes on trying. */
const ATTEMPTS = 6;

/**
 * Offers are sent by `sendOffer`, which resolves to the answer. When it rejects, or no answer comes, the call
 * tries again by itself, and the method that caused the offer rejects too; an error with `final: true` (the
 * server will never let this person in) ends the trying.
 *
 * Events: `remote` (`detail` is a MediaStream, once per stream that may carry somebody) and `state`
 * (`detail` is a {@link CallState}). The stream of the one other person is always the first.
 */
export class Call extends EventTarget {
  /** @type {SendOffer} */ #sendOffer;
  /** @type {RTCIceServer[]} */ #iceServers;
  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** @type {Map<Kind, MediaStreamTrack>} */ #tracks = new Map();
  /** @type {Map<Kind, RTCRtpSender>} */ #senders = new Map();
  /** @type {Map<string, MediaStream>} */ #streams = new Map();
  /** @type {CallState} */ #state = "connecting";
  #attempts = 0;
  #pairs = 1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {Promise<void>} */ #turn = Promise.resolve();
  /** @type {Sample | null} */ #before = null;

  /** @param {{ sendOffer: SendOffer, iceServers?: RTCIceServer[] }} parts */
  constructor({ sendOffer, iceServers = [] }) {
    super();
    this.#sendOffer = sendOffer;
    this.#iceServers = iceServers;
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
    const connection = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    this.#connection = connection;
    connection.addEventListener("track", (event) => this.#onTrack(connection, event));
    connection.addEventListener("connectionstatechange", () => this.#onChange(connection));
    for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
      const transceiver = connection.addTransceiver(this.#tracks.get(kind) ?? kind, { direction: "sendrecv" });
      this.#senders.set(kind, transceiver.sender);
    }
    for (let pair = 1; pair < this.#pairs; pair += 1) addReceivingPair(connection);
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
    this.#connection?.restartIce();
    await this.#negotiate();
  }

  /** The server asked for it: somebody joined for whom there is no stream yet. */
  async renegotiate() {
    if (!this.#connection) return;
    this.#pairs += 1;
    addReceivingPair(this.#connection);
    await this.#negotiate();
  }

  /** Offer once more on the connection as it is: another agent has taken over in the same room. */
  async again() {
    await this.#negotiate();
  }

  /** Leave. The tracks stay open: they belong to whoever opened them. */
  stop() {
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

  /** @returns {Promise<CallStats>} */
  async stats() {
    const sample = emptySample();
    const report = await this.#connection?.getStats();
    report?.forEach((entry) => addTo(sample, entry));
    const stats = compare(this.#before, sample);
    this.#before = sample;
    return stats;
  }

  #discard() {
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#connection = null;
    this.#senders.clear();
    this.#streams.clear();
    this.#before = null;
  }

  /** Offers go one after the other; a later one waits for the answer of the one before. */
  #negotiate() {
    const connection = this.#connection;
    const next = this.#turn.then(() => (connection ? this.#exchange(connection) : undefined));
    this.#turn = next.catch(() => undefined);
    return next;
  }

  /** @param {RTCPeerConnection} connection */
  async #exchange(connection) {
    if (connection !== this.#connection) return;
    try {
      await connection.setLocalDescription(await connection.createOffer());
      const answer = await within(ANSWER_MS, this.#sendOffer(connection.localDescription?.sdp ?? ""));
      if (connection !== this.#connection) return;
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      if (connection !== this.#connection) return;
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
    if (connection !== this.#connection) return;
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
    if (connection !== this.#connection) return;
    const state = connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.#attempts = 0;
      this.#say("connected");
    } else if (state === "disconnected") {
      this.#say("interrupted");
      this.#later(PATIENCE_MS);
    } else if (state === "failed") {
      this.#retryLater();
    }
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
    if (!connection || connection.connectionState === "connected") return;
    this.#attempts += 1;
    const restart = this.#attempts <= RESTARTS && connection.remoteDescription;
    try {
      await (restart ? this.restartIce() : this.rejoin());
    } catch {
      return; // #exchange has already planned the next attempt
    }
    if (this.#connection?.connectionState !== "connected") this.#later(LONGEST_PAUSE_MS);
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

/** @param {unknown} error */
function isFinal(error) {
  return error instanceof Error && "final" in error && error.final === true;
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
 */

/** @returns {Sample} */
function emptySample() {
  return {
    at: performance.now(), octetsUp: 0, octetsDown: 0, received: 0, lost: 0, framesDecoded: 0, framesSent: 0,
    width: 0, height: 0, audioLevel: 0, rttSeconds: null, lossUp: null,
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
  } else if (entry.type === "remote-inbound-rtp") {
    sample.lossUp = Math.max(sample.lossUp ?? 0, entry.fractionLost ?? 0);
    sample.rttSeconds = Math.max(sample.rttSeconds ?? 0, entry.roundTripTime ?? 0);
  }
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
    rttMs: now.rttSeconds === null ? null : Math.round(now.rttSeconds * 1000),
    lossPercent: received + lost > 0 ? (100 * lost) / (received + lost) : null,
    lossUpPercent: now.lossUp === null ? null : 100 * now.lossUp,
    kbitUp: kbit(now.octetsUp - (before?.octetsUp ?? 0)),
    kbitDown: kbit(now.octetsDown - (before?.octetsDown ?? 0)),
    framesDecoded: now.framesDecoded,
    framesSent: now.framesSent,
    width: now.width,
    height: now.height,
    audioLevel: now.audioLevel,
  };
}
