-- release(prefix; now ms, agent, ticket, reason) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS not in a call; TICKET_ELSEWHERE in a call with another ticket.
-- Released already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, and what give_back, move and match_lane touch.
-- Announces offer.returned, agent.wrap_up; offer.made to another.
-- Parts: words tickets rings lanes states agents offers choosing seeking matching ending turning.
local id, ticket, reason = ARGV[2], ARGV[3], ARGV[4]
local key = K .. "agent:" .. id
local a = hash(key)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.released == ticket and a.state ~= "in_call" then return 1 end
if a.state ~= "in_call" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " release") end
if a.ticket ~= ticket then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t = hash(K .. "ticket:" .. ticket)
give_back(ticket, t, reason)
drop_claim(id, a)
call("HSET", key, "released", ticket)
call("HDEL", key, "accepted")
move(id, a, "wrap_up", reason, "again")
renew(id, a)
tell_state("agent.wrap_up", id, a)
match_lane(t.lane)
return 1
