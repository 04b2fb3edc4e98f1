-- beat(prefix; now ms, agent) -> 1
-- Error NOT_SIGNED_IN: the agent must sign in again.
-- Keys: agent:<agent>, presence. Announces agent.returned when an agent lost in a call is back;
-- offer.made when they have room for another.
local id = ARGV[2]
local a = fields(K .. "agent:" .. id, "state", "lost")
local state = a.state
if not state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local lease = state == "away" and RULES.away_lease or RULES.lease
local known = call("ZSCORE", K .. "presence", id)
call("ZADD", K .. "presence", now + lease, id)
if known and not a.lost then return 1 end
-- Parts: words tickets rings lanes states idling agents offers choosing seeking.
come_to_life(id, agent_of(id))
return 1
