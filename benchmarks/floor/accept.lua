-- accept(prefix; now ms, agent, offer) -> the offer (json)
-- Error OFFER_GONE: over, withdrawn, or never this agent's: the fence.
-- Keys: agent:<agent>, ticket:<ticket>, offers, presence, staff. Announces offer.accepted, agent.busy.
local id, offer = ARGV[2], ARGV[3]
local a = call("HMGET", K .. "agent:" .. id, "district", "state", "ticket", "offer", "free_from")
local ticket = a[3]
if a[4] ~= offer then return redis.error_reply("OFFER_GONE not this agent's now") end
local key = K .. "ticket:" .. ticket
local t = call("HMGET", key, "told", "expires", "lane", "epoch")
if a[2] == "in_call" then return t[1] end
if now >= tonumber(t[2]) then return redis.error_reply("OFFER_GONE rang too long") end
call("ZREM", K .. "offers", ticket)
call("HSET", key, "state", "serving")
call("HSET", K .. "agent:" .. id, "misses", 0, "accepted", ARGV[1], "skill", string.match(t[3], "|([^|]+)|"))
move(id, a[1], "offered", "in_call", "", a[5])
call("ZADD", K .. "presence", now + RULES.lease, id)
announce("offer.accepted", ticket, id, offer, t[4], cjson.encode({lane = t[3]}))
tell_state("agent.busy", ticket, id, "", a[1], "", a[5])
return t[1]
