-- accept(prefix; now ms, agent, offer) -> the offer (json)
-- Error OFFER_GONE: over, withdrawn, or never this agent's. Accepted already: the same answer again.
-- Keys: agent:<agent>, ticket:<ticket>, offers, grace, and what busy touches.
-- Announces offer.accepted, agent.busy (agent.calls when the agent was in a call already); offer.made when there is
-- room for another call.
-- Parts: states.
local id, offer = ARGV[2], ARGV[3]
local a = caller(id)
local ticket = string.match(offer, "^(.+)/%d+$")
if not a.state or not ticket or (a.offer ~= offer and not a.calls) then
  return redis.error_reply("OFFER_GONE not this agent's now")
end
local key = K .. "ticket:" .. ticket
local told, expires, detached, lane, epoch, state, made =
  unpack(call("HMGET", key, "told", "expires", "detached", "lane", "epoch", "state", "offer"))
if made == offer and state == "serving" and call_about(a, ticket) then return told end
if a.offer ~= offer then return redis.error_reply("OFFER_GONE not this agent's now") end
if now >= tonumber(expires) then return redis.error_reply("OFFER_GONE rang too long") end
call("ZREM", K .. "offers", ticket)
if detached then
  call("ZREM", K .. "grace", ticket)
  call("HDEL", key, "detached")
end
call("HSET", key, "state", "serving")
local skill, mode = string.match(lane, "^[^|]+|([^|]+)|[^|]+|([^|]+)")
local before = a.state
add_call(a, ticket, skill, mode)
a.ticket, a.offer, a.misses = nil, nil, 0
busy(id, a, "in_call")
renew(id, a)
announce("offer.accepted", ticket, id, offer, tonumber(epoch), {lane = lane})
tell_calls(id, a, before, ticket)
if a.capacity ~= "1" then
  -- Parts: room.
  if has_room(a) then
    -- Parts: words tickets rings lanes idling offers choosing seeking.
    seek(id)
  end
end
return told
