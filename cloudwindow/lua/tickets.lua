-- Tickets: how one is kept, stands in its lane, and goes.

local TERMS = {"lane", "score", "joined", "epoch", "credit", "priority", "preferred", "prefer_until", "not_before",
  "callback", "passed_by"}

-- Keep a ticket that is new to this line, from the eleven arguments that begin at first; what is empty is left out.
local function keep_ticket(ticket, first)
  local t, stored = {}, {}
  for i, name in ipairs(TERMS) do
    local value = ARGV[first + i - 1]
    if value ~= "" then
      t[name] = value
      stored[#stored + 1] = name
      stored[#stored + 1] = value
    end
  end
  t.state = t.not_before and tonumber(t.not_before) > now and "held" or "waiting"
  call("HSET", K .. "ticket:" .. ticket, "state", t.state, unpack(stored))
  if t.state == "held" then call("ZADD", K .. "held", t.not_before, ticket) end
  if t.passed_by then
    for id in each(t.passed_by) do call("SADD", K .. "shuns:" .. id, ticket) end
  end
  return t
end

-- A ticket may wait for one agent alone, while that agent is at work and its time for it lasts.
local function reserve(ticket, t)
  if tonumber(t.prefer_until) <= now then return false end
  if not AT_WORK[call("HGET", K .. "agent:" .. t.preferred, "state")] then return false end
  call("ZADD", K .. "mine:" .. t.preferred, t.score, ticket)
  call("ZADD", K .. "reserved:" .. t.lane, t.score, ticket)
  call("ZADD", K .. "prefers", t.prefer_until, ticket)
  call("HSET", K .. "ticket:" .. ticket, "reserved", t.preferred)
  return true
end

-- A ticket waits from now on. Answers "mine" when it waits for one agent, else "head" or "behind" in its lane.
local function stand(ticket, t)
  call("HINCRBY", K .. "waiting", t.lane, 1)
  if t.preferred and reserve(ticket, t) then return "mine" end
  call("ZADD", K .. "lane:" .. t.lane, t.score, ticket)
  return call("ZRANK", K .. "lane:" .. t.lane, ticket) == 0 and "head" or "behind"
end
