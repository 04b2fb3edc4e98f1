-- finish(prefix; now ms, agent, then: available | away) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS except in wrap-up. Finished already the same way: nothing changes.
-- Who asked for a break, or whose shift is over, goes away whatever comes next.
-- Keys: agent:<agent>, handling, and what move and seek touch.
-- Announces agent.available or agent.away; offer.made when somebody waits whom the agent may serve.
-- Parts: words states agents.
local id, next_state = ARGV[2], ARGV[3]
local key = K .. "agent:" .. id
local a = hash(key)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.state == "away" and (next_state == "away" or a.left_for == a.reason) then return 1 end
if next_state == "available" and (a.state == "idle" or a.state == "offered") then return 1 end
if a.state ~= "wrap_up" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " finish") end
if a.accepted then
  -- The latest cases weigh most: beyond 200 everything before counts half.
  local seconds = (now - tonumber(a.accepted)) / 1000
  local cases = tonumber(call("HINCRBYFLOAT", K .. "handling", a.skill .. "|n", 1))
  call("HINCRBYFLOAT", K .. "handling", a.skill .. "|t", seconds)
  call("HINCRBYFLOAT", K .. "handling", a.skill .. "|s", seconds * seconds)
  if cases >= 200 then
    for _, sum in ipairs({"|n", "|t", "|s"}) do
      local value = tonumber(call("HGET", K .. "handling", a.skill .. sum))
      call("HSET", K .. "handling", a.skill .. sum, value / 2)
    end
  end
end
drop_claim(id, a)
call("HDEL", key, "accepted")
call("HSET", key, "misses", 0)
-- Parts: tickets rings lanes.
if next_state == "away" or a.leaving then
  if a.leaving then call("HSET", key, "left_for", a.leaving) end
  go_away(id, a, a.leaving or "finished")
  return 1
end
-- Parts: offers choosing seeking.
-- Free for an instant: they enter the idle lists only if there is nothing for them.
renew(id, a)
local before = a.state
a.state, a.reason = "idle", ""
tell_state("agent.available", id, a)
a.came_from = before
if seek(id, nil, a) then return 1 end
a.state = before
move(id, a, "idle")
return 1
