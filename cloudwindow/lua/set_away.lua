-- set_away(prefix; now ms, agent, reason) -> the agent's state: away, or in_call | wrap_up: away after that
-- Error NOT_SIGNED_IN. Away already: nothing changes.
-- Keys: agent:<agent>, and what return_and_go_away and move touch.
-- Announces agent.away (before it offer.returned when the agent was ringing, after it offer.made to another),
-- or agent.leaving once, when the wish has to wait for the end of a call.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id, reason = ARGV[2], ARGV[3]
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
leave_work(id, a, reason)
return a.state
