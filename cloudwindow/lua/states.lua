-- States: the only place that writes an agent's state.

local function renew(id, a)
  call("ZADD", K .. "presence", now + (a.state == "away" and RULES.away_lease or RULES.lease), id)
end

local function count_staff(a, state, step)
  if call("HINCRBY", K .. "staff", a.district .. "|" .. state, step) <= 0 then
    call("HDEL", K .. "staff", a.district .. "|" .. state)
  end
end

local function keep_state(id, a)
  call("HSET", K .. "agent:" .. id, "state", a.state, "since", ARGV[1], "reason", a.reason,
    "free_from", a.free_from or ARGV[1], "free_spent", a.free_spent or 0)
end

-- From one state to another in which the agent is busy, without a word to the idle lists.
local function busy(id, a, state, reason, turn)
  count_staff(a, a.state, -1)
  a.state, a.reason = state, reason or ""
  if turn == "again" then a.free_from = ARGV[1] end
  keep_state(id, a)
  count_staff(a, state, 1)
end

local function tell_state(kind, id, a)
  announce(kind, a.ticket, id, a.offer, nil,
    {reason = a.reason, district = a.district, free_from_ms = tonumber(a.free_from), pull = a.pull == "1"})
end
