-- Agents: coming to work, being free, going away. Needs words, states, idling.

-- Agents of a district with the very same skills form a pool, so that whoever is idle stands in one list instead of
-- one for each skill. A district has few pools: whoever looks for somebody idle looks through them all.
local function enter_pool(id, a)
  local pools = K .. "pools:" .. a.district
  a.pool = ""
  if call("HEXISTS", pools, a.skills) == 1 or call("HLEN", pools) < RULES.pools then
    a.pool = a.skills
    if call("HINCRBY", pools, a.skills, 1) == 1 then
      for skill in each(a.skills) do call("SADD", pools .. "|" .. skill, a.skills) end
    end
  end
  call("HSET", K .. "agent:" .. id, "pool", a.pool)
end

local function leave_pool(a)
  if (a.pool or "") == "" then return end
  local pools = K .. "pools:" .. a.district
  if call("HINCRBY", pools, a.pool, -1) > 0 then return end
  call("HDEL", pools, a.pool)
  for skill in each(a.pool) do call("SREM", pools .. "|" .. skill, a.pool) end
end

-- The turn of an agent is the time at work since their last call: being away neither adds to it nor ends it.
-- turn: "again" begins it anew; otherwise it goes on.
local function move(id, a, state, reason, turn)
  local before = a.state
  if before == "idle" then rouse(id, a) end
  if before then count_staff(a, before, -1) end
  a.state, a.reason = state, reason or ""
  local came, went = AT_WORK[state] and not AT_WORK[before], AT_WORK[before] and not AT_WORK[state]
  if went then a.free_spent = string.format("%d", now - tonumber(a.free_from or now)) end
  if came then a.free_from = string.format("%d", now - tonumber(a.free_spent or 0)) end
  if turn == "again" then a.free_from = ARGV[1] end
  keep_state(id, a)
  if came then duty(a, 1) end
  if went then
    duty(a, -1)
    set_free(id)
  end
  if state == "offline" then return end
  count_staff(a, state, 1)
  if state == "idle" then rest(id, a) end
  if state == "away" then renew(id, a) end
end

-- Nothing rings any more; whoever calls this writes the state afterwards.
local function drop_claim(a)
  a.ticket, a.offer = nil, nil
end

-- The wish to go away when the last call is closed; the first reason stands.
local function wish(id, a, reason)
  if a.leaving then return end
  a.leaving = reason
  call("HSET", K .. "agent:" .. id, "leaving", reason)
  announce("agent.leaving", nil, id, nil, nil, {reason = reason, district = a.district})
end

local function go_away(id, a, reason)
  call("HDEL", K .. "agent:" .. id, "leaving")
  a.leaving = nil
  move(id, a, "away", reason)
  tell_state("agent.away", id, a)
end
