-- accept(prefix; now ms, agent, offer) -> the offer (json)
-- Error OFFER_GONE: over, withdrawn, or never this agent's. Accepted already: the same answer again.
-- Keys: agent:<agent>, ticket:<ticket>, offers, grace, and what move touches.
-- Announces offer.accepted, agent.busy.
-- Parts: states.
local id, offer = ARGV[2], ARGV[3]
local a = fields(K .. "agent:" .. id, "state", "offer", "ticket", "district", "free_from", "free_spent", "pull")
if not a.state or a.offer ~= offer then return redis.error_reply("OFFER_GONE not this agent's now") end
local key = K .. "ticket:" .. a.ticket
local t = fields(key, "told", "expires", "detached", "lane", "epoch")
if a.state == "in_call" then return t.told end
if now >= tonumber(t.expires) then return redis.error_reply("OFFER_GONE rang too long") end
call("ZREM", K .. "offers", a.ticket)
if t.detached then
  call("ZREM", K .. "grace", a.ticket)
  call("HDEL", key, "detached")
end
call("HSET", key, "state", "serving")
local skill = string.match(t.lane, "^[^|]+|([^|]+)")
call("HSET", K .. "agent:" .. id, "misses", 0, "accepted", ARGV[1], "skill", skill)
busy(id, a, "in_call")
renew(id, a)
announce("offer.accepted", a.ticket, id, offer, tonumber(t.epoch), {lane = t.lane})
tell_state("agent.busy", id, a)
return t.told
