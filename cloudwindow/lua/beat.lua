-- beat(prefix; now ms, agent) -> 1
-- Error NOT_SIGNED_IN: the agent must sign in again.
-- Keys: agent:<agent>, presence. Announces agent.returned when an agent lost in a call is back.
local id = ARGV[2]
local a = {state = call("HGET", K .. "agent:" .. id, "state") or nil}
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local lost = not call("ZSCORE", K .. "presence", id)
renew(id, a)
if lost then tell_state("agent.returned", id, hash(K .. "agent:" .. id)) end
return 1
