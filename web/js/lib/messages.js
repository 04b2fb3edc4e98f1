// messages.js — the mirror of cloudwindow/domain/messages.py: one typedef per message and the list of its fields.
// One test compares the two with docs/protocol.md. Requests may also carry `id`; answers carry it as `re`.

// --- either side of a call → server ----------------------------------------------------------------------

/**
 * An SDP offer of the browser for the call or, while waiting, for the echo test (`purpose`).
 * @typedef {object} CallOffer
 * @property {"call.offer"} type
 * @property {string} [session]
 * @property {string} purpose
 * @property {number} attempt
 * @property {string} sdp
 */

/**
 * The browser's SDP answer to the `call.receive` with the same `number`.
 * @typedef {object} CallReceiving
 * @property {"call.receiving"} type
 * @property {string} [session]
 * @property {number} number
 * @property {string} sdp
 */

/**
 * Please name the ways to the media server: sent before the first offer and when they have grown old.
 * @typedef {object} CallPrepare
 * @property {"call.prepare"} type
 * @property {string} [session]
 */

/**
 * What the sender sends: camera and microphone on or off, and why not (`reason` is a device code).
 * @typedef {object} CallDevices
 * @property {"call.devices"} type
 * @property {string} [session]
 * @property {boolean} camera
 * @property {boolean} microphone
 * @property {string} [reason]
 */

/**
 * The sender ends the call.
 * @typedef {object} CallHangUp
 * @property {"call.hang_up"} type
 * @property {string} [session]
 */

/**
 * One line of text chat, at most 2,000 characters.
 * @typedef {object} ChatSay
 * @property {"chat.say"} type
 * @property {string} [session]
 * @property {string} text
 */

/**
 * The line being written, whole, again and again as it grows; shown to the other, kept nowhere.
 * @typedef {object} ChatType
 * @property {"chat.type"} type
 * @property {string} [session]
 * @property {string} text
 */

/**
 * The sender wants what is spoken in the call written along by a machine, or wants it no more.
 * @typedef {object} CaptionsSwitch
 * @property {"captions.switch"} type
 * @property {string} [session]
 * @property {boolean} on
 */

/**
 * What the sender's browser measured in the last five seconds; unknown is null. Losses are percent of packets
 * sent and received, `step` is the picture's step, `limit` what holds it back (`none`, `network`, `device`),
 * `browser` its family.
 * @typedef {object} CallQuality
 * @property {"call.quality"} type
 * @property {string} [session]
 * @property {number | null} loss_up
 * @property {number | null} loss_down
 * @property {number | null} rtt_ms
 * @property {number} kbit_up
 * @property {number} kbit_down
 * @property {number} width
 * @property {number} height
 * @property {string} step
 * @property {string} limit
 * @property {string} browser
 */

/**
 * How long joining took, in ms from its start: devices open, answer here, connected, first picture shown.
 * `occasion` is `join`, or `repair` after an interruption; a step that never came is null.
 * @typedef {object} CallSetup
 * @property {"call.setup"} type
 * @property {string} [session]
 * @property {string} occasion
 * @property {number | null} devices_ms
 * @property {number | null} answer_ms
 * @property {number | null} connected_ms
 * @property {number | null} picture_ms
 * @property {string} browser
 */

/**
 * A field was edited: a proposal by the agent, final by the citizen. `base` is the version seen.
 * @typedef {object} FormSet
 * @property {"form.set"} type
 * @property {string} [session]
 * @property {string} field
 * @property {any} value
 * @property {number} base
 */

/**
 * The sender's cursor is in `field`, or in none; a lease of a few seconds others can see.
 * @typedef {object} FormFocus
 * @property {"form.focus"} type
 * @property {string} [session]
 * @property {string | null} field
 */

// --- citizen → server ------------------------------------------------------------------------------------

/**
 * The citizen confirms the proposed value of `field` as it stands at `version`.
 * @typedef {object} FormConfirm
 * @property {"form.confirm"} type
 * @property {string} field
 * @property {number} version
 */

/**
 * The citizen answers a call that is written (mode `text`): nothing is sent but words.
 * @typedef {object} CallJoin
 * @property {"call.join"} type
 */

/**
 * The citizen ticks, or unticks, one declaration during the read-back.
 * @typedef {object} DeclarationConfirm
 * @property {"declaration.confirm"} type
 * @property {string} key
 * @property {boolean} confirmed
 */

/**
 * Outcome of the device test: codes of `devices.js`, round trip in ms, loss in percent, echo heard. `way` is
 * how media reach us (`direct`, `relayed`, `blocked`), `silent` that the microphone gave no sound, `speaker`
 * whether the test tone was heard (`ok`, `no`, `unknown`).
 * @typedef {object} DeviceReport
 * @property {"device.report"} type
 * @property {string} camera
 * @property {string} microphone
 * @property {boolean} echo
 * @property {number | null} rtt_ms
 * @property {number | null} loss_percent
 * @property {string} [way]
 * @property {number | null} [kbit_up]
 * @property {boolean} [silent]
 * @property {string} [speaker]
 */

// --- agent → server --------------------------------------------------------------------------------------

/**
 * The agent is ready for the next citizen; with `pull` only when they call one themselves.
 * @typedef {object} AgentAvailable
 * @property {"agent.available"} type
 * @property {boolean} [pull]
 */

/**
 * The agent takes no offers for now.
 * @typedef {object} AgentAway
 * @property {"agent.away"} type
 * @property {string} [reason]
 */

/**
 * The agent takes back the wish to go away after this call.
 * @typedef {object} AgentStay
 * @property {"agent.stay"} type
 */

/**
 * The agent takes the offered ticket.
 * @typedef {object} OfferAccept
 * @property {"offer.accept"} type
 * @property {string} offer
 */

/**
 * The agent gives the offered ticket back to its old place, with a reason.
 * @typedef {object} OfferDecline
 * @property {"offer.decline"} type
 * @property {string} offer
 * @property {string} reason
 */

/**
 * The agent compared face, card and answers; `result` is `confirmed`, `doubtful` or `failed`.
 * @typedef {object} IdentityCheck
 * @property {"identity.check"} type
 * @property {string} [session]
 * @property {string} method
 * @property {string} result
 */

/**
 * The agent's verdict on one paper, from the closed list.
 * @typedef {object} MaterialJudge
 * @property {"material.judge"} type
 * @property {string} [session]
 * @property {string} material
 * @property {string} verdict
 */

/**
 * The form is complete: show it to the citizen in plain words.
 * @typedef {object} ReadBackStart
 * @property {"read_back.start"} type
 * @property {string} [session]
 */

/**
 * The agent points at a place of the shared form: shares of the field's box, 0 to 1; null ends it.
 * @typedef {object} FormPoint
 * @property {"form.point"} type
 * @property {string} [session]
 * @property {string | null} field
 * @property {number} x
 * @property {number} y
 */

/**
 * How the call ended; `next` is `available` or `away`.
 * @typedef {object} SessionOutcome
 * @property {"session.outcome"} type
 * @property {string} [session]
 * @property {string} outcome
 * @property {string} note
 * @property {string} next
 */

// --- server → either side --------------------------------------------------------------------------------

/**
 * The request `re` is done and stored.
 * @typedef {object} Ack
 * @property {"ack"} type
 * @property {string} re
 */

/**
 * The request `re` was refused: stable `code`, a sentence for the person, the `field` meant.
 * @typedef {object} Refusal
 * @property {"error"} type
 * @property {string | null} re
 * @property {string} code
 * @property {string} text
 * @property {string | null} [field]
 */

/**
 * First message on every connection: who you are to us, and the server's time in ms.
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {string} role
 * @property {number} now_ms
 */

/**
 * Where the visit (citizen) or the desk (agent) stands; sent on connecting and at every change. Citizen
 * stages: waiting, called, in_call, on_hold, missed, ended. Agent stages: away, idle, offered, in_call,
 * wrap_up; one message for each call an agent holds. `session` is set from the call on; `peer_online` tells
 * whether the other side's page is connected. `version` grows; an older one is ignored. `keeps_room`: the call was
 * passed on and the citizen's connection stays as it is for the next agent.
 * @typedef {object} StageChanged
 * @property {"stage.changed"} type
 * @property {string} stage
 * @property {number} version
 * @property {string | null} session
 * @property {boolean} peer_online
 * @property {boolean} [keeps_room]
 */

/**
 * Server-rendered parts of the page to fetch again: form, materials, read_back, signature, case…
 * @typedef {object} PanelChanged
 * @property {"panel.changed"} type
 * @property {string | null} [session]
 * @property {string[]} panels
 */

/**
 * One field's present state. `shown` is what this side may see (masked where it must be). `standing` is
 * proposed, confirmed or empty; `error_code`/`error_text` come from the server's check; `hidden` tells that
 * the field does not apply with the present answers.
 * @typedef {object} FormChanged
 * @property {"form.changed"} type
 * @property {string | null} [session]
 * @property {string} field
 * @property {any} shown
 * @property {string} standing
 * @property {string} author
 * @property {number} version
 * @property {string | null} error_code
 * @property {string | null} error_text
 * @property {boolean} hidden
 */

/**
 * The other side's cursor is in `field` (or in none) until `seconds` have passed.
 * @typedef {object} FormFocused
 * @property {"form.focused"} type
 * @property {string | null} [session]
 * @property {string | null} field
 * @property {string} by
 * @property {number} seconds
 */

/**
 * A line of chat; `author` is citizen, agent, third, or self at a third party's own page.
 * @typedef {object} ChatSaid
 * @property {"chat.said"} type
 * @property {string | null} [session]
 * @property {number} id
 * @property {string} author
 * @property {string} name
 * @property {string} text
 * @property {number} at_ms
 */

/**
 * What `author` (citizen or agent) is writing at this moment; empty when it was sent or taken back.
 * @typedef {object} ChatTyped
 * @property {"chat.typed"} type
 * @property {string | null} [session]
 * @property {string} author
 * @property {string} text
 */

/**
 * How captions stand: `state` is off, starting, on, behind (words are missing) or stopped (broken off).
 *
 * `mine` tells whether this side switched them on; `by` names all who did: citizen, agent.
 * @typedef {object} CaptionsChanged
 * @property {"captions.changed"} type
 * @property {string | null} [session]
 * @property {string} state
 * @property {boolean} mine
 * @property {string[]} by
 */

/**
 * Words as a machine understood them, kept nowhere; told to who hears the speaker, and to the speaker.
 *
 * `line` names the stretch of speech, a higher `version` of it replaces a lower one, a `final` one is the last.
 * `kind` and `name` are the speaker's, as in `call.slots`; `own`: it is this page's.
 * @typedef {object} CaptionsSaid
 * @property {"captions.said"} type
 * @property {string | null} [session]
 * @property {number} line
 * @property {number} version
 * @property {string} kind
 * @property {string} name
 * @property {boolean} own
 * @property {string} text
 * @property {boolean} final
 */

/**
 * What the other side sends, and its reason if it does not; `member` if it is a third party.
 * @typedef {object} PeerDevices
 * @property {"peer.devices"} type
 * @property {string | null} [session]
 * @property {boolean} camera
 * @property {boolean} microphone
 * @property {string} reason
 * @property {string} [member]
 */

/**
 * The media server's SDP answer to the offer with the same `purpose` and `attempt`.
 * @typedef {object} CallAnswer
 * @property {"call.answer"} type
 * @property {string | null} [session]
 * @property {string} purpose
 * @property {number} attempt
 * @property {string} sdp
 */

/**
 * The media server's SDP offer of the connection on which the call is received; only Janus has one apart. With
 * `fresh` a new one, else the one there is. Answer with `call.receiving`.
 * @typedef {object} CallReceive
 * @property {"call.receive"} type
 * @property {string | null} [session]
 * @property {number} number
 * @property {string} sdp
 * @property {boolean} fresh
 */

/**
 * The ways to the media server: `servers` as the browser's `iceServers` take them, good for new ways
 * for `good_for_seconds`. With `relay_only` no other way leads there.
 * @typedef {object} CallWays
 * @property {"call.ways"} type
 * @property {any} servers
 * @property {boolean} relay_only
 * @property {number} good_for_seconds
 */

/**
 * Please offer again: with `more` on the same connection, because somebody joined; else on a new one, because the media worker was replaced.
 * @typedef {object} CallRenegotiate
 * @property {"call.renegotiate"} type
 * @property {string | null} [session]
 * @property {string} purpose
 * @property {boolean} [more]
 */

/**
 * Who is in which of the receiving streams, in their order; null for an empty one. `kind` is citizen, agent or a third party's kind, `name` a third party's name.
 * @typedef {object} CallSlots
 * @property {"call.slots"} type
 * @property {any[]} slots
 */

/**
 * Another tab or device has taken over; this connection ends with close code 4409.
 * @typedef {object} Replaced
 * @property {"replaced"} type
 */

// --- server → citizen ------------------------------------------------------------------------------------

/**
 * How many are ahead among those one competes with, and the range of the wait; unknown, or hidden by the
 * district, is null.
 * @typedef {object} PlaceChanged
 * @property {"place.changed"} type
 * @property {number | null} ahead
 * @property {number | null} low_minutes
 * @property {number | null} high_minutes
 * @property {number} agents
 */

/**
 * The agent points at a place of the form; null ends it.
 * @typedef {object} FormPointed
 * @property {"form.pointed"} type
 * @property {string | null} field
 * @property {number} x
 * @property {number} y
 */

// --- server → agent --------------------------------------------------------------------------------------

/**
 * A ticket rings at this desk; the offer panel holds the rest.
 * @typedef {object} OfferMade
 * @property {"offer.made"} type
 * @property {string} offer
 * @property {number} expires_in_seconds
 */

/**
 * What the citizen's browser measured in the last five seconds, as in `call.quality`.
 * @typedef {object} PeerQuality
 * @property {"peer.quality"} type
 * @property {number | null} loss_up
 * @property {number | null} loss_down
 * @property {number | null} rtt_ms
 * @property {number} kbit_up
 * @property {number} kbit_down
 * @property {number} width
 * @property {number} height
 * @property {string} step
 * @property {string} limit
 */

/**
 * Somebody opened the citizen's link elsewhere: read `code` to the citizen if it was them.
 * @typedef {object} DeviceCode
 * @property {"device.code"} type
 * @property {string} code
 * @property {number} seconds
 */

/**
 * The offer has ended without this agent: expired, declined, or the citizen left (`reason`).
 * @typedef {object} OfferWithdrawn
 * @property {"offer.withdrawn"} type
 * @property {string} offer
 * @property {string} reason
 */

// --- server → board --------------------------------------------------------------------------------------

/**
 * The figures have moved: fetch the board's panels again.
 * @typedef {object} BoardChanged
 * @property {"board.changed"} type
 * @property {number} version
 */

