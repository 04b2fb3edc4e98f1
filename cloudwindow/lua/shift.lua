-- shift(prefix; now ms, agent, end ms | "") -> 1
-- When the agent's shift ends: they are offered nothing from then on, a call is finished first.
-- Error NOT_SIGNED_IN. Keys: agent:<agent>, shifts. Announces nothing.
local id, ends = ARGV[2], ARGV[3]
if call("EXISTS", K .. "agent:" .. id) == 0 then
  return redis.error_reply("NOT_SIGNED_IN the line does not know this agent")
end
if ends == "" then call("ZREM", K .. "shifts", id) else call("ZADD", K .. "shifts", ends, id) end
return 1
