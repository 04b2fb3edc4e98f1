-- release(prefix; now ms, agent, ticket, reason) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS not in a call; TICKET_ELSEWHERE in a call with another ticket.
-- Released already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, and what give_back, busy and match_lane touch.
-- Announces offer.returned, agent.wrap_up (agent.calls instead while another call goes on); offer.made to another.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id, ticket, reason = ARGV[2], ARGV[3], ARGV[4]
local key = K .. "agent:" .. id
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local mine, held = call_about(a, ticket)
if (not mine or mine.state == "wrap_up") and call("HGET", key, "released") == ticket then return 1 end
if a.state ~= "in_call" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " release") end
if not mine or mine.state ~= "in_call" then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t, before = hash(K .. "ticket:" .. ticket), a.state
give_back(ticket, t, reason)
call("HSET", key, "released", ticket)
mine.state, mine.accepted = "wrap_up", "-"
set_calls(a, held)
busy(id, a, standing(a), reason, "again")
renew(id, a)
tell_calls(id, a, before, ticket)
match_lane(t.lane)
return 1
