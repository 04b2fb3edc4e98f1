-- What the scripts of the line share; it stands in front of each of them and changes nothing by itself.
-- Before it come NEIGHBOURS (district -> "district,district"), DELAYS (three ring delays, ms) and RULES (ms, counts).
-- KEYS[1] is the prefix, a hash tag: every key below begins with it and lies in one slot. ARGV[1] is now (ms).
--
--   ticket:<ticket>       hash    lane score joined state epoch; offered or serving: agent offer told; detached
--   lane:<lane>           zset    waiting ticket -> score (ms: joined less credit, fixed for life)
--   skill:<skill>         zset    lane -> score of its head
--   desk:<desk>           zset    the same for all skills of one kind of desk ("CA,HR"), what an agent reads
--   desks:<skill>         set     the kinds of desk with that skill;  desk_agents  hash  desk -> agents signed in
--   opens                 hash    lane in which somebody waits -> "second,third" ring's opening (ms after score)
--   widen                 zset    lane -> instant at which to look at it again (ms)
--   offers, grace         zset    ticket -> deadline (ms) of its offer, of its citizen's absence
--   presence, passes      zset    agent -> end of lease, end of the pass on a declined ticket (ms)
--   agent:<agent>         hash    district desk skills languages modes serves; state since reason; ticket offer ...
--   agents                set     everybody signed in
--   idle, idle:<district>:<desk>  zset  free agent -> free since (ms)
--   duty                  hash    "<district>|<skill>|<language>|<mode>" -> agents at work who help every district;
--                                 "<district>><home>|..." -> those who help only some
--   waiting, staff        hash    lane -> tickets waiting; "<district>|<state>" -> agents (the board's counters)
--   handling              hash    "<skill>|n", "|t", "|s" -> cases, seconds, squared seconds
--   ended:<ticket>        string  left within the last minute: a late rebuild must not bring it back
--   announcements         stream  kind at ticket agent offer epoch extra(json)
--   generation            string  missing when Redis was emptied
local call = redis.call
local K = KEYS[1] .. ":"
local now = tonumber(ARGV[1])
local AT_WORK = {idle = true, offered = true, in_call = true, wrap_up = true}

local function announce(kind, ticket, agent, offer, epoch, extra)
  call("XADD", K .. "announcements", "MAXLEN", "~", RULES.stream, "*", "kind", kind, "at", ARGV[1],
    "ticket", ticket or "", "agent", agent or "", "offer", offer or "", "epoch", epoch or 0,
    "extra", extra and cjson.encode(extra) or "")
end

local function hash(key)
  local flat, found = call("HGETALL", key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function parts(lane)
  return string.match(lane, "^([^|]+)|([^|]+)|([^|]+)|([^|]+)$")
end

local function each(list)
  return string.gmatch(list, "[^,]+")
end

local function among(list, word)
  return list == "*" or string.find("," .. list .. ",", "," .. word .. ",", 1, true) ~= nil
end

local function ring_of(helping, home)
  if helping == home then return 1 end
  return among(NEIGHBOURS[home], helping) and 2 or 3
end

local function reaches(serves, district, home)
  return home == district or among(serves, home)
end

-- Rings ---------------------------------------------------------------------------------------------------

-- When each ring opens for a lane: the stay in a ring without anybody at work is skipped.
local function reopen(lane)
  local home = parts(lane)
  local rest = string.sub(lane, #home + 1)
  local asked, ring, manned = {}, {}, {}
  for district in pairs(NEIGHBOURS) do
    asked[#asked + 1] = district .. rest
    asked[#asked + 1] = district .. ">" .. home .. rest
    ring[#asked - 1] = ring_of(district, home)
    ring[#asked] = ring[#asked - 1]
  end
  for i, agents in ipairs(call("HMGET", K .. "duty", unpack(asked))) do
    if agents and tonumber(agents) > 0 then manned[ring[i]] = true end
  end
  local second = DELAYS[1] + (manned[1] and DELAYS[2] - DELAYS[1] or 0)
  local third = second + (manned[2] and DELAYS[3] - DELAYS[2] or 0)
  call("HSET", K .. "opens", lane, string.format("%d,%d", second, third))
  return {DELAYS[1], second, third}
end

local function read_openings(stored)
  local second, third = string.match(stored, "(%d+),(%d+)")
  return {DELAYS[1], tonumber(second), tonumber(third)}
end

local function openings(lane)
  local stored = call("HGET", K .. "opens", lane)
  return stored and read_openings(stored) or reopen(lane)
end

-- Look at the lane again when its head's next ring opens.
local function settle(lane, score)
  for _, opening in ipairs(openings(lane)) do
    if score + opening > now then
      call("ZADD", K .. "widen", score + opening, lane)
      return
    end
  end
  call("ZREM", K .. "widen", lane)
end

-- One agent more or less at work: rings that become manned or empty open at other times.
local function duty(a, step)
  local somebody_waits, everywhere = call("HLEN", K .. "opens") > 0, {}
  for district in pairs(NEIGHBOURS) do everywhere[#everywhere + 1] = district end
  local function count(field, rest, homes)
    local agents = call("HINCRBY", K .. "duty", field, step)
    if agents <= 0 then call("HDEL", K .. "duty", field) end
    if not somebody_waits or agents ~= (step > 0 and 1 or 0) then return end
    for _, home in ipairs(homes) do
      local lane = home .. rest
      if call("HEXISTS", K .. "opens", lane) == 1 then
        reopen(lane)
        call("ZADD", K .. "widen", now, lane)
      end
    end
  end
  for skill in each(a.skills) do
    for language in each(a.languages) do
      for mode in each(a.modes) do
        local rest = "|" .. skill .. "|" .. language .. "|" .. mode
        if a.serves == "*" then
          count(a.district .. rest, rest, everywhere)
        else
          for home in each(a.serves) do
            count(a.district .. ">" .. home .. rest, rest, {home})
          end
        end
      end
    end
  end
end

-- Lanes ---------------------------------------------------------------------------------------------------

-- The lane has another head (or none): tell every kind of desk that reads it.
local function refresh_head(lane)
  local _, skill = parts(lane)
  local head = call("ZRANGE", K .. "lane:" .. lane, 0, 0, "WITHSCORES")
  local readers = {K .. "skill:" .. skill}
  for _, desk in ipairs(call("SMEMBERS", K .. "desks:" .. skill)) do
    readers[#readers + 1] = K .. "desk:" .. desk
  end
  for _, reader in ipairs(readers) do
    if head[1] then call("ZADD", reader, head[2], lane) else call("ZREM", reader, lane) end
  end
  if head[1] then
    settle(lane, tonumber(head[2]))
    return tonumber(head[2])
  end
  call("HDEL", K .. "opens", lane)
  call("ZREM", K .. "widen", lane)
end

local function push(ticket, lane, score)
  call("ZADD", K .. "lane:" .. lane, score, ticket)
  call("HINCRBY", K .. "waiting", lane, 1)
  if call("ZRANK", K .. "lane:" .. lane, ticket) == 0 then refresh_head(lane) end
end

local function pull(ticket, lane)
  local was_head = call("ZRANK", K .. "lane:" .. lane, ticket) == 0
  call("ZREM", K .. "lane:" .. lane, ticket)
  if call("HINCRBY", K .. "waiting", lane, -1) <= 0 then call("HDEL", K .. "waiting", lane) end
  if not was_head then return end
  local score = refresh_head(lane)
  if score and score + DELAYS[1] <= now and call("EXISTS", K .. "idle") == 1 then
    call("ZADD", K .. "widen", now, lane)
  end
end

-- Agents --------------------------------------------------------------------------------------------------

local function renew(id, a)
  call("ZADD", K .. "presence", now + (a.state == "away" and RULES.away_lease or RULES.lease), id)
end

-- The only place that changes an agent's state. keep_turn: free again without having had a call.
local function move(id, a, state, reason, keep_turn)
  local before, key = a.state, K .. "agent:" .. id
  if before == "idle" then
    call("ZREM", K .. "idle", id)
    call("ZREM", K .. "idle:" .. a.district .. ":" .. a.desk, id)
  end
  if before and call("HINCRBY", K .. "staff", a.district .. "|" .. before, -1) <= 0 then
    call("HDEL", K .. "staff", a.district .. "|" .. before)
  end
  a.state, a.reason = state, reason or ""
  if AT_WORK[before] and not AT_WORK[state] then duty(a, -1) end
  if AT_WORK[state] and not AT_WORK[before] then duty(a, 1) end
  if state == "offline" then return end
  call("HINCRBY", K .. "staff", a.district .. "|" .. state, 1)
  call("HSET", key, "state", state, "since", ARGV[1], "reason", a.reason)
  if state == "idle" then
    if not (keep_turn and a.idle_since) then a.idle_since = ARGV[1] end
    call("HSET", key, "idle_since", a.idle_since)
    call("ZADD", K .. "idle", a.idle_since, id)
    call("ZADD", K .. "idle:" .. a.district .. ":" .. a.desk, a.idle_since, id)
  end
  if state == "away" then renew(id, a) end
end

local function enter_desk(a)
  if call("HINCRBY", K .. "desk_agents", a.desk, 1) > 1 then return end
  local sources = {}
  for skill in each(a.skills) do
    call("SADD", K .. "desks:" .. skill, a.desk)
    sources[#sources + 1] = K .. "skill:" .. skill
  end
  call("ZUNIONSTORE", K .. "desk:" .. a.desk, #sources, unpack(sources))
end

local function leave_desk(a)
  if call("HINCRBY", K .. "desk_agents", a.desk, -1) > 0 then return end
  call("HDEL", K .. "desk_agents", a.desk)
  call("DEL", K .. "desk:" .. a.desk)
  for skill in each(a.skills) do call("SREM", K .. "desks:" .. skill, a.desk) end
end

local function forget(id, a, reason)
  move(id, a, "offline")
  leave_desk(a)
  call("DEL", K .. "agent:" .. id)
  call("SREM", K .. "agents", id)
  call("ZREM", K .. "presence", id)
  call("ZREM", K .. "passes", id)
  announce("agent.signed_out", nil, id, nil, nil, {reason = reason, district = a.district})
end

local function tell_state(kind, id, a)
  announce(kind, a.ticket, id, a.offer, nil, {reason = a.reason, district = a.district})
end

local function drop_claim(id, a)
  call("HDEL", K .. "agent:" .. id, "ticket", "offer")
  a.ticket, a.offer = nil, nil
end

-- Offers --------------------------------------------------------------------------------------------------

local function make_offer(ticket, lane, id, a, why)
  pull(ticket, lane)
  local key = K .. "ticket:" .. ticket
  local epoch = call("HINCRBY", key, "epoch", 1)
  local name, expires = ticket .. "/" .. epoch, now + RULES.accept
  why.waited_ms = now - tonumber(call("HGET", key, "joined"))
  why.idle_ms = now - tonumber(a.idle_since)
  local ring = why.ring - 1
  why.ring = nil
  local told = {offer = name, ticket = ticket, agent = id, epoch = epoch, expires_ms = expires, ring = ring,
    lane = lane, why = why}
  call("HSET", key, "state", "offered", "agent", id, "offer", name, "expires", expires, "told", cjson.encode(told))
  call("ZADD", K .. "offers", expires, ticket)
  move(id, a, "offered")
  a.ticket, a.offer = ticket, name
  call("HSET", K .. "agent:" .. id, "ticket", ticket, "offer", name)
  announce("offer.made", ticket, id, name, epoch, told)
end

-- A ticket that was offered or served stands at its old place again, or stays aside while its citizen is gone.
local function give_back(ticket, t, reason)
  local key = K .. "ticket:" .. ticket
  call("ZREM", K .. "offers", ticket)
  call("HDEL", key, "agent", "offer", "expires", "told")
  call("HSET", key, "state", t.detached and "detached" or "waiting")
  if not t.detached then push(ticket, t.lane, t.score) end
  announce("offer.returned", ticket, t.agent, t.offer, tonumber(t.epoch), {reason = reason, lane = t.lane})
end

local function end_ticket(ticket)
  call("DEL", K .. "ticket:" .. ticket)
  call("ZREM", K .. "grace", ticket)
  call("ZREM", K .. "offers", ticket)
  call("SET", K .. "ended:" .. ticket, "1", "EX", 60)
end

-- Pairing -------------------------------------------------------------------------------------------------

-- Whether a pass on a declined ticket still holds: by its time, whether or not a tick has forgiven it yet.
local function passes(ends)
  return ends and now < tonumber(ends)
end

-- The agent's next ticket: of all lanes they may serve the lowest score + opening, own district first.
-- Reads lane heads in the order of their scores and stops where none can be better.
local function seek(id)
  local a = hash(K .. "agent:" .. id)
  if a.state ~= "idle" then return end
  local best, seen, from, more = nil, {}, 0, true
  while more do
    local heads = call("ZRANGE", K .. "desk:" .. a.desk, from, from + 15, "WITHSCORES")
    more, from = #heads == 32, from + 16
    local lanes = {}
    for i = 1, #heads, 2 do lanes[#lanes + 1] = heads[i] end
    local stored = #lanes > 0 and call("HMGET", K .. "opens", unpack(lanes)) or {}
    for i, lane in ipairs(lanes) do
      local score, skip = tonumber(heads[2 * i]), 0
      if score > now or (best and score >= best.at) then more = false break end
      local home, _, language, mode = parts(lane)
      if reaches(a.serves, a.district, home) and among(a.languages, language) and among(a.modes, mode) then
        if lane == a.passed_lane and passes(a.passed_until)
            and call("ZRANGE", K .. "lane:" .. lane, 0, 0)[1] == a.passed then
          skip, score = 1, tonumber(call("ZRANGE", K .. "lane:" .. lane, 1, 1, "WITHSCORES")[2] or "inf")
        end
        local ring = ring_of(a.district, home)
        local opening = read_openings(stored[i])[ring]
        if #seen < 6 then seen[#seen + 1] = lane end
        if score + opening <= now and (not best or score + opening < best.at) then
          best = {lane = lane, at = score + opening, ring = ring, opening = opening, skip = skip}
        end
      end
    end
  end
  if not best then return end
  local considered = {}
  for _, lane in ipairs(seen) do
    if lane ~= best.lane and #considered < 5 then considered[#considered + 1] = lane end
  end
  local ticket = call("ZRANGE", K .. "lane:" .. best.lane, best.skip, best.skip)[1]
  make_offer(ticket, best.lane, id, a,
    {rule = "longest_waiting", ring = best.ring, opened_ms = best.opening, considered = considered[1] and considered or nil})
end

-- The longest idle agent of one district who may serve the lane. Second answer: somebody passed on this ticket.
local function idle_in(district, lane, ticket, seen)
  local home, skill, language, mode = parts(lane)
  local best, passed = nil, false
  for _, desk in ipairs(call("SMEMBERS", K .. "desks:" .. skill)) do
    local from, more = 0, true
    while more do
      local free = call("ZRANGE", K .. "idle:" .. district .. ":" .. desk, from, from + 15, "WITHSCORES")
      more, from = #free == 32, from + 16
      for i = 1, #free, 2 do
        local id, since = free[i], tonumber(free[i + 1])
        if best and since > best.since then more = false break end
        local can = call("HMGET", K .. "agent:" .. id, "languages", "modes", "serves", "passed",
          "passed_until")
        if among(can[1], language) and among(can[2], mode) and reaches(can[3], district, home) then
          if can[4] == ticket and passes(can[5]) then
            passed = true
          elseif not best or since < best.since or id < best.id then
            best, more = {id = id, since = since}, false
            if #seen < 6 then seen[#seen + 1] = id end
            break
          end
        end
      end
    end
  end
  return best, passed
end

-- Whoever may serve the ticket and is free: nearest open ring first, then longest idle.
local function free_agent(lane, ticket, score)
  local home, passed = parts(lane), false
  local opens = openings(lane)
  for ring = 1, 3 do
    if score + opens[ring] > now then break end
    local best, seen = nil, {}
    for district in pairs(NEIGHBOURS) do
      if ring_of(district, home) == ring then
        local found, skipped = idle_in(district, lane, ticket, seen)
        passed = passed or skipped
        if found and (not best or found.since < best.since or (found.since == best.since and found.id < best.id)) then
          best = found
        end
      end
    end
    if best then return best.id, ring, opens[ring], seen end
  end
  return nil, passed
end

-- Offer the lane's tickets, oldest first, to free agents until none fits. Answers how many were offered.
local function match_lane(lane)
  local offered, skip = 0, 0
  while offered < 100 and skip < 4 and call("EXISTS", K .. "idle") == 1 do
    local head = call("ZRANGE", K .. "lane:" .. lane, skip, skip, "WITHSCORES")
    if not head[1] then break end
    local id, ring, opening, seen = free_agent(lane, head[1], tonumber(head[2]))
    if id then
      local considered = {}
      for _, other in ipairs(seen) do
        if other ~= id and #considered < 5 then considered[#considered + 1] = other end
      end
      make_offer(head[1], lane, id, hash(K .. "agent:" .. id),
        {rule = "longest_idle", ring = ring, opened_ms = opening, considered = considered[1] and considered or nil})
      offered = offered + 1
    elseif ring then
      skip = skip + 1
    else
      break
    end
  end
  return offered
end

-- Endings of offers ---------------------------------------------------------------------------------------

-- The agent cannot take the ticket and goes away: it returns and is offered to others at once.
local function return_and_go_away(id, a, reason)
  local ticket = a.ticket
  local t = hash(K .. "ticket:" .. ticket)
  give_back(ticket, t, reason)
  drop_claim(id, a)
  move(id, a, "away", reason)
  tell_state("agent.away", id, a)
  match_lane(t.lane)
end

-- The ticket is going: its agent stops ringing and keeps their turn. Seek for the agent afterwards.
local function withdraw(ticket, t, reason)
  local a = hash(K .. "agent:" .. t.agent)
  announce("offer.withdrawn", ticket, t.agent, t.offer, tonumber(t.epoch), {reason = reason, lane = t.lane})
  drop_claim(t.agent, a)
  move(t.agent, a, "idle", "withdrawn", true)
  tell_state("agent.available", t.agent, a)
end
