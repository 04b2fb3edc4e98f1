-- decline(prefix; now ms, agent, offer, reason) -> 1
-- Error OFFER_GONE: over, withdrawn, accepted, or never this agent's. Declined already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, passes, and what give_back, match_lane and seek touch.
-- Announces offer.declined, offer.returned, agent.available (agent.calls for who holds calls); offer.made to others, or to the agent another ticket.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id, offer, reason = ARGV[2], ARGV[3], ARGV[4]
local key = K .. "agent:" .. id
local a = agent_of(id)
if call("HGET", key, "declined") == offer then return 1 end
if a.offer ~= offer then return redis.error_reply("OFFER_GONE not this agent's now") end
local ticket = a.ticket
local t = hash(K .. "ticket:" .. ticket)
announce("offer.declined", ticket, id, offer, tonumber(t.epoch), {reason = reason, lane = t.lane})
give_back(ticket, t, "declined")
drop_claim(a)
call("HSET", key, "declined", offer, "passed", ticket, "passed_lane", t.lane,
  "passed_until", now + RULES.pass)
a.misses, a.passed, a.passed_lane, a.passed_until = 0, ticket, t.lane, now + RULES.pass
call("ZADD", K .. "passes", now + RULES.pass, id)
match_lane(t.lane)
renew(id, a)
if a.calls then
  silence(id, a, "again")
else
  move(id, a, "idle", "declined", "again")
  tell_state("agent.available", id, a)
end
seek(id)
return 1
