-- next(prefix; now ms, agent) -> 1 a ticket is offered | 0 nobody waits whom the agent may serve
-- Errors NOT_SIGNED_IN; STATE_FORBIDS in a call or in wrap-up. Ringing already: 1, nothing changes.
-- The agent is free afterwards in either case: they asked for work.
-- Keys: agent:<agent>, presence, and what move and seek touch.
-- Announces agent.returned for whose page was gone, agent.available for who was away; offer.made.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id = ARGV[2]
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.offer then return 1 end
if not arrive_free(id, a) then return redis.error_reply("STATE_FORBIDS " .. a.state .. " offer") end
return seek(id, "next") and 1 or 0
