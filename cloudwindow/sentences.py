"""
What people are told when something goes wrong: one sentence for each code, with a next step.

A test compares this table with every code raised in the house. Codes of the form's checks live in
``domain.fields.MESSAGES``.
"""

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.fields import MESSAGES
from cloudwindow.i18n import Texts


def N_(msgid: str) -> str:
    """Mark a sentence for translation; it is translated where it is told."""
    return msgid


SENTENCES: dict[str, str] = {
    "agent_not_signed_in": N_(
        "The line does not know you yet. Reload the page, then press the switch again."
    ),
    "agent_profile_unusable": N_("This account's skills cannot be used. Please tell your admin."),
    "agent_without_skills": N_("This account has no skills yet. Please tell your admin."),
    "already_booked": N_("You have booked a time for this already. You can move it to another time."),
    "already_handed_over": N_("This case has been handed over already. Reload the page to see it."),
    "already_rated": N_("You have rated this visit already. Thank you."),
    "already_submitted": N_(
        "This application has been handed in already. Reload the page to see the receipt."
    ),
    "appointment_over": N_("This appointment is over. You can take a number now or book a new time."),
    "bad_media_call": N_("The media worker did not understand us. Please try again."),
    "bad_sdp": N_("Your browser's call offer could not be used. Reload the page to join again."),
    "body_too_large": N_("This is more than can be sent at once. Please send less."),
    "body_too_slow": N_("The connection is too slow; what was sent did not arrive. Please try again."),
    "booking_paused": N_(
        "Appointments were missed: none can be booked until %(until)s. You can take a number at any time."
    ),
    "bus_unavailable": N_("The live service is away for a moment. Please try again."),
    "call_not_closed": N_("Your last call has no outcome yet. Choose one first; then the next can come."),
    "captions_busy": N_(
        "Captions are being made for as many calls as the machine can take. "
        "Please write in the messages, or try again in a while."
    ),
    "captions_unavailable": N_(
        "Nothing here understands the language of this call. "
        "Please write in the messages: your words can be seen while you write."
    ),
    "case_closed": N_("This application can no longer be changed. Your case page shows where it stands."),
    "case_not_found": N_("No case fits this receipt number and phone. Please check both."),
    "catalogue_invalid": N_("The catalogue has mistakes; run the catalogue check and mend what it names."),
    "chat_empty": N_("Please type something first."),
    "check_in_early": N_("Checking in opens ten minutes before your time. Please come back then."),
    "choice_unknown": N_("Please choose one of the answers shown."),
    "code_expired": N_("This code is no longer valid. Press “Send again” for a new one."),
    "code_locked": N_("Too many wrong codes. Please wait five minutes, then ask for a new one."),
    "code_missing": N_("Please enter the code from the text message."),
    "code_too_many": N_("Many codes were sent to this phone. Please wait a while, then try again."),
    "code_too_often": N_(
        "A code was sent less than a minute ago. Please look at your phone, or wait a moment."
    ),
    "code_wrong": N_("This code is not right. Please compare it with the text message."),
    "consent_needed": N_("Without this we cannot handle the matter by video. You can also go to a counter."),
    "correction_empty": N_("Please choose at least one thing to be put right."),
    "correction_note_required": N_("Please say what is wrong here and what will do."),
    "correction_nothing_given": N_("Please fill in or photograph at least one thing of the list."),
    "csrf_wrong": N_(
        "This page was open for too long. Please reload it and try again; what was saved is kept."
    ),
    "left_form_exists": N_("You have left a form for this matter already. Open it by its link to change it."),
    "left_form_not_taken": N_("This form is not in your hands. Take it from the list first."),
    "left_form_over": N_("This form has ended and can no longer be changed. You can take a number now."),
    "left_form_taken": N_("Another agent looks at this form now. Please choose another one."),
    "left_note_missing": N_("Please write what is missing or what to do next."),
    "declarations_open": N_("Please confirm every declaration before you sign."),
    "delegation_forbidden": N_("Nobody else may apply for this. Please choose “for myself”."),
    "device_code_needed": N_(
        "A call is running on your other device. The agent reads you six digits; type them here to go on "
        "on this device."
    ),
    "district_unknown": N_("This account's district is not known. Please tell your admin."),
    "encoding_refused": N_("Compressed requests are not taken. Please send it plain."),
    "epoch_stale": N_(
        "Somebody else has taken this ticket in the meantime. The line gives you the next one."
    ),
    "field_moved_on": N_("This field has just been changed on the other side. Please look at the new value."),
    "film_not_missing": N_("The film is there, or is being made. Reload the page."),
    "file_damaged": N_("This file can no longer be read. Please upload it again."),
    "file_missing": N_("Please choose a photo first."),
    "fonts_missing": N_("The fonts for notices are missing. Run the set-up again."),
    "form_has_errors": N_("Please check the marked entries."),
    "form_incomplete": N_("Some required questions have no answer yet: %(fields)s."),
    "form_malformed": N_("What was sent is not a form we can read. Please reload the page and try again."),
    "framing_refused": N_("The request cannot be read. Please try again with another browser."),
    "host_unknown": N_("This address is not ours. Please use the official link."),
    "idempotency_key_malformed": N_(
        "The request carries an unusable key. Reload the page and send it again."
    ),
    "idempotency_key_missing": N_("The request carries no key. Reload the page and send it again."),
    "idempotency_key_reused": N_(
        "This request was already sent with other contents. Reload the page and send it again."
    ),
    "identity_open": N_("Please confirm the citizen's identity first."),
    "image_broken": N_("This picture cannot be read. Please take it again."),
    "image_too_many_pixels": N_(
        "The picture is too large (over %(megapixels)s megapixels). Please send a smaller one."
    ),
    "intake_full": N_(
        "Those who wait already fill the time until closing, so no more numbers are given today here. "
        "Please choose another district or book a time."
    ),
    "intake_gone": N_("Please choose the matter again; the page was left open for too long."),
    "internal_error": N_("Something went wrong on our side. Nothing you confirmed before is lost."),
    "joining_time_unusable": N_("The ticket's time cannot be used. Please tell the operator."),
    "json_malformed": N_("The request is not JSON we can read."),
    "lane_uncovered": N_(
        "Nobody of our staff can serve this in that language and way of talking. Please choose another."
    ),
    "lane_unknown": N_(
        "Nobody serves this combination of district, language and way of talking. Please choose another."
    ),
    "ledger_unavailable": N_(
        "Our records cannot be reached right now, so nothing new was confirmed. Please try again "
        "in a moment; what was confirmed before is safe."
    ),
    "lending_exists": N_(
        "These districts have already agreed on help at that time. End the other agreement first."
    ),
    "lending_time_unusable": N_(
        "Help can be agreed for ten minutes up to fourteen days. Please choose another end."
    ),
    "lending_to_itself": N_("A district cannot lend agents to itself. Please choose another district."),
    "line_unavailable": N_(
        "The live line is away for a moment. Your place is kept; please try again shortly."
    ),
    "link_unknown": N_(
        "This link is no longer valid. Use the newest link from your page, or follow your case "
        "with the receipt number."
    ),
    "lookup_too_often": N_("Too many attempts. Please wait a while, then try again."),
    "matter_has_number": N_(
        "You hold a number for one of the added matters already. Take it away here, or use that number."
    ),
    "matter_not_by_video": N_("This matter cannot be done by video. Please choose another one."),
    "matter_not_for_others": N_("Nobody else may apply for this. The applicant takes a number of their own."),
    "matter_other_language": N_(
        "This matter is not served in the language you chose. Please take a number of its own for it."
    ),
    "matter_twice": N_("This matter is in your number already. Please choose another one."),
    "matters_closed": N_(
        "The windows are closed now, so nothing can be added. Try again when they are open, or book a time."
    ),
    "matters_full": N_(
        "A number can be for %(most)s matters at most. Please take another number for the rest."
    ),
    "matters_not_together": N_(
        "Nobody on the staff can do all of this in one call. Take its own number for it, or choose another."
    ),
    "matters_open": N_(
        "A matter of this number has no outcome yet. Say how each of them ends; then the call can be closed."
    ),
    "matters_too_long": N_(
        "There is not enough time left today for all of this. Take a number without it, or book a time."
    ),
    "no_further_matter": N_("This was the last matter of this number. Hang up to close the call."),
    "unknown_matter": N_("This matter is not open. Reload the page to see what is left to do."),
    "materials_open": N_("Some required papers are missing or not found good yet."),
    "may_not_serve": N_(
        "You cannot serve this citizen: skill, language or district do not fit. Please leave them to others."
    ),
    "media_unavailable": N_(
        "Sound and picture are away for a moment. The chat works; we try again by ourselves."
    ),
    "message_malformed": N_("The page sent something unreadable. Please reload it."),
    "message_unknown": N_("The page is not up to date. Please reload it."),
    "method_not_allowed": N_(
        "This address cannot be used like that. Please start again from the first page."
    ),
    "mode_refused": N_("Only a supervisor can listen, whisper or join. Choose the supervisor in the list."),
    "no_call_back": N_("This citizen did not ask to be called. Write to them and invite them instead."),
    "no_form_to_leave": N_("A number can be had now, or nobody here could look at a form. Please go back."),
    "no_left_form": N_(
        "This browser holds no left form. Open it by the link from your text message, or choose a matter."
    ),
    "unknown_left_form": N_("This form is not in your list. It may have been taken back or gone on."),
    "no_appointment": N_(
        "This browser holds no appointment. Find it with your booking number and phone, or book a time."
    ),
    "no_call": N_("There is no call at the moment. Reload the page to see where things stand."),
    "no_delegation": N_("No delegation is in force: the home district decides this case."),
    "no_visit": N_("This browser holds no number. Open your link again, or take a number."),
    "not_allowed": N_("Your role does not include this page."),
    "not_an_image": N_("Please send a photo (JPEG, PNG or WebP)."),
    "not_found": N_("This page does not exist."),
    "not_invited": N_("The page answered what nobody asked. Please reload it."),
    "not_read_back": N_("The form has to be read back first; it may have just been changed."),
    "not_signed": N_("The citizen has not signed yet."),
    "not_signed_in": N_("Please sign in."),
    "notice_incomplete": N_("The notice lacks: %(fields)s. Complete the case, then issue it."),
    "offer_gone": N_("This offer is over. The line gives you the next citizen."),
    "office_closed": N_(
        "The window of your district is closed now. You can look up what you need and come back "
        "in office hours."
    ),
    "only_the_citizen": N_("Only the citizen can do this, on their own screen."),
    "origin_refused": N_("This request came from another site and was refused. Please use our own pages."),
    "outcome_not_true": N_("“Handed in” fits only calls in which the application was handed in."),
    "outcome_note_required": N_("Please add a short note for this outcome."),
    "page_not_found": N_("This page does not exist."),
    "papers_busy": N_("Many people are uploading. Please try again in a few seconds."),
    "papers_unavailable": N_("Pictures cannot be taken in just now. Please try again shortly."),
    "password_too_common": N_("This password is easy to guess. Choose another."),
    "password_too_long": N_("Use at most %(length)s characters."),
    "password_too_short": N_("Use at least %(length)s characters."),
    "press_unavailable": N_("The paper is being printed; it appears here in a moment."),
    "principal_is_delegate": N_(
        "You and the person you act for have the same number. Please check it, or choose “for myself”."
    ),
    "promised_time_unusable": N_("Please choose a time within the next four hours."),
    "reason_required": N_("Please give a reason."),
    "copies_too_many": N_("Five copies were made for this leave. Go back and give a reason again for more."),
    "copy_unfinished": N_("The marked copy is not ready. Open its page and wait until it is."),
    "recording_unfinished": N_("This recording is not finished. Check it once its call has ended."),
    "recording_gone": N_(
        "This recording was deleted; there is nothing left to hold. Choose another of the case."
    ),
    "recording_held": N_("This recording is kept for a proceeding. Lift the hold before deleting it."),
    "recording_needed": N_(
        "This matter can be handed in only if it was recorded from the read-back to the signature. Let the "
        "citizen allow the recording, wait for the sign that it runs, and read back again."
    ),
    "recording_not_running": N_("Nothing is being recorded just now. Look at the sign above the call."),
    "recording_running": N_("This call is already being recorded. Reload the page to see how it stands."),
    "recording_without_film": N_("There is no film of this recording to play. Its page says why."),
    "recording_unavailable": N_(
        "Calls cannot be recorded here. Go on without a recording, or tell the operator."
    ),
    "reason_length": N_("Please give the reason in %(least)s to %(most)s characters."),
    "reasons_required": N_("Please give the reasons; the applicant receives them in writing."),
    "request_malformed": N_("The request cannot be read. Please try again."),
    "role_changed": N_("You are in this call in another role already. Leave it first, then join again."),
    "room_full": N_("The call is full. Please wait until somebody has left."),
    "root_key_damaged": N_("The root key is unreadable. Restore it from the backup."),
    "root_key_exposed": N_("Others can read the root key. Set its file mode to 600."),
    "root_key_unknown": N_("This was sealed under another root key. Add the older key."),
    "sealed_value_damaged": N_("A stored value was altered. Please tell the operator."),
    "second_correction": N_("A correction list was sent before. A second one needs a supervisor."),
    "shift_end_unusable": N_("Please choose a time that is still to come today."),
    "side_room_refused": N_(
        "A private talk needs the agent and the citizen. Choose these two; others wait outside."
    ),
    "sign_in_busy": N_("Many people are signing in. Please try again in a few seconds."),
    "sign_in_too_often": N_("Too many attempts. Please wait a minute, then try again."),
    "sign_in_wrong": N_("Account, password or one-time code is not right. A one-time code works only once."),
    "signature_empty": N_("Please sign in the box, then continue."),
    "slot_full": N_("Somebody has just taken the last seat at this time. Please choose another time."),
    "slot_gone": N_("This time can no longer be booked. Please choose one of the times shown."),
    "sms_refused": N_("This number takes no text messages. Please check it, or give another one."),
    "sms_unavailable": N_(
        "The text message is not out yet; we keep trying for some minutes. Wait a moment, then go on."
    ),
    "state_forbids": N_("This is not possible at this stage. Reload the page to see where things stand."),
    "store_unavailable": N_("The file could not be kept. Please try again shortly."),
    "summary_moved_on": N_(
        "Something was changed after the read-back. Please look through it and sign again."
    ),
    "supervision_mode_unknown": N_("Please choose to listen, to whisper or to join."),
    "supervision_reason_missing": N_("Please say why you listen in; it stays in the story of the case."),
    "private_talk": N_("A private talk is going on. You can write again when it has ended."),
    "third_party_name_missing": N_("Please enter the name, at most 40 characters."),
    "third_party_too_many": N_("A call takes six people at most. Take somebody out first."),
    "third_party_unknown": N_("This person is not in the call. Reload the page to see who is."),
    "third_party_unknown_kind": N_("Please choose as whom they are invited."),
    "third_party_waits": N_(
        "The citizen has not agreed yet. Please keep the page open; you come in by yourself."
    ),
    "ticket_elsewhere": N_("This ticket is in another call. The line gives you the next one."),
    "ticket_exists": N_("You already hold a number for this. We take you to it."),
    "ticket_not_waiting": N_("This citizen is no longer waiting. Please choose another one."),
    "ticket_unusable": N_("The ticket cannot be used. Please tell the operator."),
    "time_unusable": N_("The time cannot be used. Please tell the operator."),
    "too_late_to_move": N_(
        "Moving ends %(minutes)s minutes before the appointment. You can cancel it, or come and check in."
    ),
    "too_many_bookings": N_(
        "%(most)s appointments are booked with this phone already. Please cancel one, or take a number."
    ),
    "too_many_pages": N_("At most %(most)s photos for one paper. Remove one first."),
    "transfer_unchanged": N_(
        "Nothing would change. Please choose a language, a way of talking, a district or a colleague."
    ),
    "unknown_action": N_("This step is not known. Please reload the page."),
    "unknown_agent": N_("This agent cannot be asked. Please choose another one."),
    "unknown_appointment": N_("This appointment was not found. Please book a new time."),
    "unknown_case": N_("This case was not found."),
    "unknown_decision": N_("Please choose to approve or to deny."),
    "unknown_declaration": N_("This declaration is not asked for. Please reload the page."),
    "unknown_district": N_("Please choose one of Guangzhou's districts."),
    "unknown_document": N_("This document was not found."),
    "unknown_field": N_("This question is not in the form. Please reload."),
    "unknown_file": N_("This file does not exist. Please go back and reload the page."),
    "unknown_identity_check": N_("Please choose how you checked and what came out."),
    "unknown_item": N_("We do not offer this. Please search again."),
    "unknown_language": N_("This language is not offered for the matter. Please choose another one."),
    "unknown_lending": N_("We do not know this agreement. Reload the page to see those in force."),
    "unknown_material": N_("This paper is not asked for. Please reload."),
    "unknown_mode": N_("Please choose video, sound, text or sign language."),
    "unknown_organ": N_("This office was not found. Please choose the district again."),
    "unknown_outcome": N_("Please choose how the call ended."),
    "unknown_page": N_("This question is not in the form. Please reload."),
    "unknown_purpose": N_("The page is not up to date. Please reload it."),
    "unknown_rating": N_("Please choose one of the five levels."),
    "unknown_reason": N_("Please choose one of the reasons shown."),
    "unknown_recording": N_(
        "This recording is not known or was deleted. Go back to the case and choose another."
    ),
    "unknown_role": N_("The page is not up to date. Please reload it."),
    "unknown_session": N_("This call was not found. Reload the page to see where things stand."),
    "unknown_still": N_("The photo did not come through the call. Please take it once more."),
    "unknown_street": N_("Please choose a subdistrict or town of this district."),
    "unknown_text": N_("This text was not found. Please reload."),
    "ticket_not_found": N_(
        "No ticket with this number was found for that day. Check the number and the date, or use its id."
    ),
    "unknown_ticket": N_("This number was not found. Open your link again, or take a number."),
    "unknown_verdict": N_("Please choose one of the verdicts shown."),
    "upload_too_large": N_("The file is larger than %(megabytes)s MB. Please send a smaller one."),
    "values_unconfirmed": N_("The citizen has not confirmed everything yet: %(fields)s."),
    "viewing_over": N_("Your time to play this recording is over. Go back to it and give a reason again."),
    "version_stale": N_(
        "Somebody changed this in the meantime. The page shows the newest state; please try again."
    ),
}


def sentence(error: CloudWindowError, texts: Texts) -> str:
    """The sentence for ``error`` in the person's language."""
    msgid = SENTENCES.get(error.code) or MESSAGES.get(error.code) or UNKNOWN
    told = texts.gettext(msgid)
    try:
        return told % {name: str(value) for name, value in error.values.items()} if "%(" in told else told
    except KeyError:
        return told


UNKNOWN = N_("This did not work. Please try again; if it happens again, call 12345.")
