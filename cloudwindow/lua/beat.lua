-- beat(prefix; now ms, agent) -> 1
-- Error NOT_SIGNED_IN: the agent must sign in again.
-- Keys: agent:<agent>, presence. Announces agent.returned when an agent lost in a call is back.
local id = ARGV[2]
local state = call("HGET", K .. "agent:" .. id, "state")
if not state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local lease = state == "away" and RULES.away_lease or RULES.lease
local known = call("ZSCORE", K .. "presence", id)
call("ZADD", K .. "presence", now + lease, id)
if known then return 1 end
-- Parts: states.
tell_state("agent.returned", id, hash(K .. "agent:" .. id))
return 1
