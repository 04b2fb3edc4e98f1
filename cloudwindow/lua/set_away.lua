-- set_away(prefix; now ms, agent, reason) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS in a call or in wrap-up. Away already: nothing changes.
-- Keys: agent:<agent>, and what return_and_go_away and move touch (line.lua).
-- Announces agent.away; before it offer.returned when the agent was ringing, after it offer.made to another.
local id, reason = ARGV[2], ARGV[3]
local a = hash(K .. "agent:" .. id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.state == "in_call" or a.state == "wrap_up" then
  return redis.error_reply("STATE_FORBIDS " .. a.state .. " go_away")
end
if a.state == "offered" then
  return_and_go_away(id, a, reason)
elseif a.state == "idle" then
  move(id, a, "away", reason)
  tell_state("agent.away", id, a)
end
return 1
