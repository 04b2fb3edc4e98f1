-- States: the only place that writes an agent's state, what rings for them and what they hold.

local function renew(id, a)
  call("ZADD", K .. "presence", now + (a.state == "away" and RULES.away_lease or RULES.lease), id)
end

-- What the scripts of a call need to know of an agent; empty is none.
local function caller(id)
  local a = call("HMGET", K .. "agent:" .. id, "state", "district", "since", "free_from", "free_spent", "pull", "ticket",
    "offer", "calls", "capacity", "leaving", "lost", "misses", "finished", "wrapped")
  return {state = a[1], district = a[2], since = a[3], free_from = a[4], free_spent = a[5], pull = a[6],
    ticket = a[7] ~= "" and a[7] or nil, offer = a[8] ~= "" and a[8] or nil, calls = a[9] ~= "" and a[9] or nil,
    capacity = a[10], leaving = a[11], lost = a[12], misses = a[13], finished = a[14], wrapped = a[15]}
end

local function count_staff(a, state, step)
  call("HINCRBY", K .. "staff", a.district .. "|" .. state, step)
end

local function weight_of(mode)
  return tonumber(string.match(RULES.weights, mode .. "=(%d+)")) or RULES.full
end

-- One call more, as the agent keeps it.
local function add_call(a, ticket, skill, mode)
  local word = table.concat({ticket, "in_call", ARGV[1], skill, weight_of(mode)}, ">")
  a.calls = a.calls and a.calls .. "," .. word or word
end

-- The calls an agent holds, oldest first, and what they weigh together.
local function calls_of(a)
  local held, load = {}, 0
  for ticket, state, accepted, skill, weight in string.gmatch(a.calls or "", "([^>,]+)>([^>]+)>([^>]+)>([^>]+)>(%d+)") do
    held[#held + 1] = {ticket = ticket, state = state, accepted = accepted, skill = skill, weight = tonumber(weight)}
    load = load + held[#held].weight
  end
  return held, load
end

local function set_calls(a, held)
  local words = {}
  for i, one in ipairs(held) do
    words[i] = table.concat({one.ticket, one.state, one.accepted, one.skill, one.weight}, ">")
  end
  a.calls = words[1] and table.concat(words, ",") or nil
end

-- The call about a ticket, all calls, and its place among them.
local function call_about(a, ticket)
  local held = calls_of(a)
  for i, one in ipairs(held) do
    if one.ticket == ticket then return one, held, i end
  end
  return nil, held
end

-- What an agent does who holds these calls and for whom nothing rings.
local function standing(a)
  if not a.calls then return "idle" end
  return string.find(a.calls, ">in_call>", 1, true) and "in_call" or "wrap_up"
end

local function keep_state(id, a, since)
  call("HSET", K .. "agent:" .. id, "state", a.state, "since", since or ARGV[1], "reason", a.reason or "",
    "free_from", a.free_from or ARGV[1], "free_spent", a.free_spent or 0, "ticket", a.ticket or "",
    "offer", a.offer or "", "calls", a.calls or "", "misses", a.misses or 0, "finished", a.finished or "")
  if (a.capacity or "1") == "1" then return end
  -- Parts: room.
  make_room(id, a)
end

-- From one state to another in which the agent is busy, without a word to the idle lists.
local function busy(id, a, state, reason, turn)
  local same = a.state == state
  if not same then count_staff(a, a.state, -1) end
  a.state, a.reason = state, reason or ""
  if turn == "again" then a.free_from = ARGV[1] end
  keep_state(id, a, same and a.since)
  if not same then count_staff(a, state, 1) end
end

local function tell_state(kind, id, a, ticket)
  ticket = ticket or a.ticket or (a.calls and string.match(a.calls, "([^>,]+)>[^,]*$"))
  announce(kind, ticket, id, a.offer, nil, {reason = a.reason, district = a.district,
    free_from_ms = tonumber(a.free_from), pull = a.pull == "1", calls = a.calls})
end

-- Whose page was gone and who acts all the same is there again.
local function be_back(id, a)
  if not a.lost then return end
  a.lost = nil
  call("HDEL", K .. "agent:" .. id, "lost")
  renew(id, a)
  tell_state("agent.returned", id, a)
end

-- What an agent holds has changed, and their state or not.
local function tell_calls(id, a, before, ticket)
  if a.state ~= before and a.state ~= "offered" then
    return tell_state(a.state == "in_call" and "agent.busy" or "agent.wrap_up", id, a, ticket)
  end
  announce("agent.calls", ticket or a.ticket, id, a.offer, nil, {state = a.state, reason = a.reason,
    district = a.district, free_from_ms = tonumber(a.free_from), pull = a.pull == "1", calls = a.calls})
end
