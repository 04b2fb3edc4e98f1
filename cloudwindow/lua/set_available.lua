-- set_available(prefix; now ms, agent, pull 1 | "") -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS in a call or in wrap-up. Free or ringing already: only pull changes.
-- pull: the agent takes tickets by hand (next, pick) and is pushed none.
-- Keys: agent:<agent>, presence, and what move and seek touch.
-- Announces agent.returned when their page had been gone; agent.available, or agent.changed when only pull did;
-- offer.made when somebody waits whom the agent may serve.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching.
local id, pull_mode = ARGV[2], ARGV[3]
local key = K .. "agent:" .. id
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.calls then
  return redis.error_reply("STATE_FORBIDS " .. a.state .. " go_available")
end
be_back(id, a)
local changed = (a.pull or "") ~= pull_mode
if changed then
  if a.state == "idle" then rouse(id, a) end
  a.pull = pull_mode
  call("HSET", key, "pull", pull_mode)
  if a.state == "idle" then rest(id, a) end
end
call("HDEL", key, "leaving", "left_for")
call("ZADD", K .. "presence", now + RULES.lease, id)
if a.state == "away" then
  a.misses = 0
  move(id, a, "idle")
  tell_state("agent.available", id, a)
  seek(id)
elseif changed then
  tell_state("agent.changed", id, a)
  seek(id)
end
return 1
