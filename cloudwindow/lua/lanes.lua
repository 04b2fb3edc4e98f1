-- Lanes: putting tickets in and taking them out, with the heads that agents read.

-- The lane has another head (or none): tell the lists that agents read. before: the score of the head that was
-- taken, if it is known: what depended on it alone is then left alone. score: of the head, if it is known.
refresh_head = function(lane, before, score)
  local home, skill = string.match(lane, "^([^|]+)|([^|]+)")
  score = score or tonumber(call("ZRANGE", K .. "lane:" .. lane, 0, 0, "WITHSCORES")[2])
  local opens = (score or before) and openings(lane)
  if score then call("ZADD", K .. "own:" .. home, score, lane) else call("ZREM", K .. "own:" .. home, lane) end
  for one in string.gmatch(skill, "[^+]+") do
    local reader = K .. "skill:" .. one
    if score and opens[2] < NEVER then
      call("ZADD", reader, score + opens[2], lane)
    else
      call("ZREM", reader, lane)
    end
    local first = call("ZRANGE", reader, 0, 0, "WITHSCORES")
    if not first[1] then
      call("ZREM", K .. "heads", one)
    elseif first[1] == lane or not before or before + opens[2] < tonumber(first[2]) then
      call("ZADD", K .. "heads", first[2], one)
    end
  end
  if score then settle(lane, score, opens, before) else call("ZREM", K .. "widen", lane) end
  return score
end

-- The lane's head is another since a ticket stands in it.
local function new_head(lane)
  if call("ZCARD", K .. "lane:" .. lane) == 1 then learn(lane) end
  refresh_head(lane)
end

-- A ticket waits from now on. t: lane score; preferred prefer_until.
local function push(ticket, t)
  if stand(ticket, t) == "head" then new_head(t.lane) end
end

-- A ticket waits in a lane that was empty.
local function open_lane(ticket, lane, score)
  call("HINCRBY", K .. "waiting", lane, 1)
  call("ZADD", K .. "lane:" .. lane, score, ticket)
  learn(lane)
  refresh_head(lane, nil, tonumber(score))
end

-- A ticket waits no more. t: lane; reserved. popped: its score, if it has been taken from the head of its lane already.
local function pull(ticket, t, popped)
  if call("HINCRBY", K .. "waiting", t.lane, -1) <= 0 then call("HDEL", K .. "waiting", t.lane) end
  if t.reserved then
    call("ZREM", K .. "mine:" .. t.reserved, ticket)
    call("ZREM", K .. "reserved:" .. t.lane, ticket)
    call("ZREM", K .. "prefers", ticket)
    call("HDEL", K .. "ticket:" .. ticket, "reserved")
    return
  end
  if popped then
    refresh_head(t.lane, popped)
    return
  end
  local head = call("ZRANGE", K .. "lane:" .. t.lane, 0, 0, "WITHSCORES")
  call("ZREM", K .. "lane:" .. t.lane, ticket)
  if head[1] ~= ticket then return end
  local score = refresh_head(t.lane, tonumber(head[2]))
  if score and score <= now and free_for(t.lane) then call("ZADD", K .. "widen", now, t.lane) end
end

-- Whoever is offered a ticket that asked for them has had it: from now on it waits for everybody.
local function forget_preference(ticket, t)
  if not t.preferred then return end
  call("HDEL", K .. "ticket:" .. ticket, "preferred", "prefer_until")
  t.preferred = nil
end

-- An agent goes: who waited for them alone waits for everybody.
set_free = function(id)
  local waiting = call("ZRANGE", K .. "mine:" .. id, 0, -1)
  if not waiting[1] then return end
  -- Parts: sharing.
  for _, ticket in ipairs(waiting) do share(ticket) end
end
