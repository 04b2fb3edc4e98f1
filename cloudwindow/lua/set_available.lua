-- set_available(prefix; now ms, agent) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS in a call or in wrap-up. Free or ringing already: nothing changes.
-- Keys: agent:<agent>, presence, and what move and seek touch (line.lua).
-- Announces agent.available; offer.made when somebody waits whom the agent may serve.
local id = ARGV[2]
local a = hash(K .. "agent:" .. id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.state == "in_call" or a.state == "wrap_up" then
  return redis.error_reply("STATE_FORBIDS " .. a.state .. " go_available")
end
if a.state == "away" then
  call("HSET", K .. "agent:" .. id, "misses", 0)
  move(id, a, "idle")
  tell_state("agent.available", id, a)
  seek(id)
end
call("ZADD", K .. "presence", now + RULES.lease, id)
return 1
