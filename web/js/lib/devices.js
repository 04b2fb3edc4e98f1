// devices.js — open camera and microphone step by step, and say plainly what could not be opened and why.

/**
 * Why less than everything could be opened:
 * `ok` nothing is missing; `no_camera` there is none; `permission_denied` the person or the browser said no;
 * `device_busy` another program holds it; `no_device` there is no microphone and, unless `video` says otherwise, no
 * camera; `insecure_origin` the page is not on https; `unsupported` this browser (often one inside an app) has no
 * such function.
 * @typedef {"ok" | "no_camera" | "permission_denied" | "device_busy" | "no_device" | "insecure_origin"
 *   | "unsupported"} DeviceReason
 */

/**
 * @typedef {object} OpenedDevices
 * @property {MediaStream | null} stream
 * @property {boolean} audio whether a microphone is in the stream
 * @property {boolean} video whether a camera is in the stream
 * @property {DeviceReason} reason
 */

/** @type {MediaTrackConstraints} */
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {MediaTrackConstraints} */
const PICTURE = {
  width: { ideal: 1280, max: 1280 }, height: { ideal: 720, max: 960 }, frameRate: { ideal: 30, max: 30 },
};

/**
 * Open camera and microphone, else the microphone alone, else nothing. Never throws. Who is not `pictured` speaks only:
 * the camera is not touched.
 * @param {{ cameraId?: string, microphoneId?: string, facing?: "user" | "environment", pictured?: boolean }} [wanted]
 * @returns {Promise<OpenedDevices>}
 */
export async function openDevices({ cameraId, microphoneId, facing = "user", pictured = true } = {}) {
  const barrier = missingFunction();
  if (barrier) return nothing(barrier);
  const audio = microphoneId ? { ...VOICE, deviceId: { exact: microphoneId } } : VOICE;
  const video = { ...PICTURE, ...(cameraId ? { deviceId: { exact: cameraId } } : { facingMode: facing }) };
  if (!pictured) {
    const spoken = await attempt({ audio });
    return { stream: spoken.stream, audio: spoken.stream !== null, video: false, reason: spoken.reason };
  }
  const both = await attempt({ audio, video });
  if (both.stream) return { stream: both.stream, audio: true, video: true, reason: "ok" };
  const voice = await attempt({ audio });
  const camera = both.reason === "no_device" ? "no_camera" : both.reason;
  if (voice.stream) return { stream: voice.stream, audio: true, video: false, reason: camera };
  const picture = voice.reason === "permission_denied" ? voice : await attempt({ video });
  if (picture.stream) return { stream: picture.stream, audio: false, video: true, reason: voice.reason };
  return nothing(both.reason);
}

/**
 * Open another camera, for `Call.replaceTrack`; `null` and the reason if it cannot be had.
 * @param {{ cameraId?: string, facing?: "user" | "environment", size?: MediaTrackConstraints }} wanted `size` other than a call's
 * @returns {Promise<{ track: MediaStreamTrack | null, reason: DeviceReason }>}
 */
export async function openCamera({ cameraId, facing = "user", size = {} }) {
  const barrier = missingFunction();
  if (barrier) return { track: null, reason: barrier };
  const choice = cameraId ? { deviceId: { exact: cameraId } } : { facingMode: facing };
  const { stream, reason } = await attempt({ video: { ...PICTURE, ...size, ...choice } });
  return { track: stream?.getVideoTracks()[0] ?? null, reason };
}

/**
 * List what is plugged in. Names are empty until the person has allowed access once.
 * @returns {Promise<{ cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[], speakers: MediaDeviceInfo[] }>}
 */
export async function listDevices() {
  const devices = missingFunction() ? [] : await navigator.mediaDevices.enumerateDevices();
  const ofKind = (/** @type {MediaDeviceKind} */ kind) => devices.filter((device) => device.kind === kind);
  return {
    cameras: ofKind("videoinput"), microphones: ofKind("audioinput"), speakers: ofKind("audiooutput"),
  };
}

/** How loud the microphone of a stream is now, for a meter and for noticing a silent one. */
export class LevelMeter {
  /** @type {AudioContext} */ #context = new AudioContext();
  /** @type {AnalyserNode} */ #analyser;
  /** @type {Float32Array<ArrayBuffer>} */ #samples;

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  /** Browsers start sound only after a touch; call this in the handler of one if `level` stays 0. */
  async resume() { await this.#context.resume(); }

  /** @returns {number} 0 (silence, −60 dB) to 1 (full scale), on a logarithmic scale */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power || 1e-12);
    return Math.min(1, Math.max(0, 1 + decibels / 60));
  }

  /** Whether there is sound to measure at all. */
  get running() { return this.#context.state === "running"; }

  async stop() { await this.#context.close(); }
}

/** @returns {DeviceReason | null} */
function missingFunction() {
  if (!globalThis.isSecureContext) return "insecure_origin";
  return "mediaDevices" in navigator && "RTCPeerConnection" in globalThis ? null : "unsupported";
}

/**
 * @param {MediaStreamConstraints} constraints
 * @returns {Promise<{ stream: MediaStream | null, reason: DeviceReason }>}
 */
async function attempt(constraints) {
  try {
    return { stream: await navigator.mediaDevices.getUserMedia(constraints), reason: "ok" };
  } catch (error) {
    return { stream: null, reason: reasonOf(error) };
  }
}

/**
 * The names are those of the Media Capture specification; anything else counts as busy, for trying again
 * is what helps.
 * @param {unknown} error
 * @returns {DeviceReason}
 */
function reasonOf(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "permission_denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "no_device";
  return "device_busy";
}

/**
 * @param {DeviceReason} reason
 * @returns {OpenedDevices}
 */
function nothing(reason) {
  return { stream: null, audio: false, video: false, reason };
}
