-- finish(prefix; now ms, agent, then: available | away, ticket | "") -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS except in wrap-up. Finished already the same way: nothing changes.
-- ticket: the call whose wrap-up is over; "" the oldest. While the agent holds others they go on with those.
-- Who asked for a break, whose shift is over or whose page is gone goes away whatever comes next, with the last call.
-- Keys: agent:<agent>, handling, and what move and seek touch.
-- Announces agent.available or agent.away; agent.calls while others go on, and agent.leaving if it is to be the
-- end then; offer.made when somebody waits whom the agent may serve.
-- Parts: words states.
local id, next_state, ticket = ARGV[2], ARGV[3], ARGV[4]
local key = K .. "agent:" .. id
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.state == "away" and (next_state == "away" or a.left_for == a.reason) then return 1 end
if next_state == "available" and (a.state == "idle" or a.state == "offered") then return 1 end
local held, mine, place = calls_of(a), nil, nil
for i, one in ipairs(held) do
  if not mine and one.state == "wrap_up" and (ticket == "" or one.ticket == ticket) then mine, place = one, i end
end
if not mine then
  if ticket ~= "" and a.finished == ticket then return 1 end
  return redis.error_reply("STATE_FORBIDS " .. a.state .. " finish")
end
if mine.accepted ~= "-" then
  -- What a call beside others took of the agent is its share. The latest cases weigh most: beyond 200 everything
  -- before counts half.
  local share = math.min(1, mine.weight / tonumber(a.capacity or 1))
  local seconds = (now - tonumber(mine.accepted)) / 1000 * share
  local cases = tonumber(call("HINCRBYFLOAT", K .. "handling", mine.skill .. "|n", 1))
  call("HINCRBYFLOAT", K .. "handling", mine.skill .. "|t", seconds)
  call("HINCRBYFLOAT", K .. "handling", mine.skill .. "|s", seconds * seconds)
  if cases >= 200 then
    for _, sum in ipairs({"|n", "|t", "|s"}) do
      local value = tonumber(call("HGET", K .. "handling", mine.skill .. sum))
      call("HSET", K .. "handling", mine.skill .. sum, value / 2)
    end
  end
end
table.remove(held, place)
set_calls(a, held)
a.misses, a.finished = 0, mine.ticket
local why_away = a.leaving or a.lost and "vanished"
if next_state == "away" or why_away or held[1] or a.offer then
  -- Parts: room tickets rings lanes idling agents offers choosing seeking searching matching ending turning.
  local before = a.state
  if next_state == "away" and (held[1] or a.offer) then wish(id, a, "break") end
  if a.leaving and a.offer then return_beside(id, a, a.leaving) end
  if held[1] or a.offer then
    busy(id, a, held[1] and standing(a) or "offered", a.reason)
    renew(id, a)
    tell_calls(id, a, before, mine.ticket)
    seek(id, nil, a)
    return 1
  end
  if why_away then call("HSET", key, "left_for", why_away) end
  go_away(id, a, why_away or "finished")
  return 1
end
-- Free for an instant: they enter the idle lists only if there is nothing for them.
-- Parts: rings lanes idling offers choosing seeking.
renew(id, a)
local before = a.state
a.state, a.reason = "idle", ""
tell_state("agent.available", id, a)
a.came_from = before
if seek(id, nil, a) then return 1 end
a.state = before
-- Parts: agents.
move(id, a, "idle")
return 1
