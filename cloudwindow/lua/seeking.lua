-- Seeking: a free agent looks for a ticket. Needs states, rings, lanes, idling, offers, choosing.

-- The skill of a lane, if the agent has it: most lanes of a page are done with here.
local function skill_for(a, lane)
  local skill = string.match(lane, "^[^|]+|([^|]+)")
  local can = a.can[skill]
  if can == nil then
    can = string.find(a.skilled, "," .. skill .. ",", 1, true) ~= nil or masters(a.skills, skill)
    a.can[skill] = can
  end
  return can
end

-- Whether an agent who has the skill of a lane may serve it.
local function speaks_for(a, lane)
  local home, language, mode = string.match(lane, "^([^|]+)|[^|]+|([^|]+)|([^|]+)")
  return string.find(a.spoken, "," .. language .. ",", 1, true) and among(a.talks, mode)
    and reaches(a.serves, a.district, home), home
end

-- The score of the first of a lane whom the agent does not pass by, and how many to skip for that.
local function head_for(a, lane, score)
  local declined = lane == a.passed_lane and passes(a.passed_until)
  if not declined and not a.holds then return score, 0 end
  local first = call("ZRANGE", K .. "lane:" .. lane, 0, 4, "WITHSCORES")
  for i = 1, #first, 2 do
    local ticket = first[i]
    if not (declined and ticket == a.passed) and not (a.holds and a.holds[ticket]) then
      return tonumber(first[i + 1]), (i - 1) / 2
    end
  end
  return math.huge, 0
end

-- The own district's lane with the oldest head the agent may serve, and up to two more of the same page.
local function best_own(a, seen)
  local best, from, page = nil, 0, 4
  while true do
    local heads = call("ZRANGE", K .. "own:" .. a.district, from, from + page - 1, "WITHSCORES")
    for i = 1, #heads, 2 do
      local lane, head = heads[i], tonumber(heads[i + 1])
      if head > now then return best end
      if skill_for(a, lane) and speaks_for(a, lane) then
        local score, skip = head_for(a, lane, head)
        if score <= now then
          seen[#seen + 1] = {lane = lane, at_ms = score}
          if not best or score < best.at then
            best = {lane = lane, at = score, ring = 1, opening = 0, skip = skip}
          end
        end
      end
    end
    if #heads < 2 * page or (best and tonumber(heads[#heads]) >= best.at) then return best end
    from, page = from + page, math.min(2 * page, 32)
  end
end

-- Up to when another district's lane is better than the best so far: earlier, or due at all.
local function before(best)
  return best and "(" .. string.format("%.3f", best.at) or ARGV[1]
end

-- A lane of another district for one skill of the agent that is better than the best so far, if there is one.
-- done: lanes looked at before, for another of their skills.
local function better_for(a, skill, best, seen, done)
  local from, page = 0, 4
  while true do
    local lanes = call("ZRANGEBYSCORE", K .. "skill:" .. skill, "-inf", before(best), "WITHSCORES", "LIMIT", from, page)
    for i = 1, #lanes, 2 do
      local lane, first = lanes[i], tonumber(lanes[i + 1])
      if best and first >= best.at then return best end
      local able, home = false, nil
      if not done[lane] and string.find(lane, a.district, 1, true) ~= 1 and skill_for(a, lane) then
        able, home = speaks_for(a, lane)
      end
      if able then
        done[lane] = true
        a.lends = a.lends or call("HGET", K .. "lends", a.district) or ""
        local opens = openings(lane)
        local ring = among(a.lends, home) and 2 or borders(home, a.district) and 3 or 4
        local score, skip = head_for(a, lane, first - opens[2])
        local at = score + opens[ring]
        if opens[ring] < NEVER and score < math.huge then
          if #seen < 8 then seen[#seen + 1] = {lane = lane, at_ms = at} end
          if at <= now and (not best or at < best.at) then
            best = {lane = lane, at = at, ring = ring, opening = opens[ring], skip = skip}
          end
        end
      end
    end
    if #lanes < 2 * page then return best end
    from, page = from + page, math.min(2 * page, 32)
  end
end

-- The same for all skills: those are read whose first such lane may be better, the earliest first.
local function better_abroad(a, best, seen)
  local from, page, done = 0, 6, {}
  while true do
    local order = call("ZRANGEBYSCORE", K .. "heads", "-inf", before(best), "LIMIT", from, page)
    for _, skill in ipairs(order) do
      if string.find(a.skilled, "," .. skill .. ",", 1, true) then best = better_for(a, skill, best, seen, done) end
    end
    if #order < page then return best end
    from = from + page
  end
end

-- Whoever holds calls, is waited for alone or has passed somebody on: whether they have been offered who waits
-- for them alone. Afterwards a.talks has the modes that fit and a.holds the tickets they do not take.
local function seek_apart(id, a)
  -- Parts: room shunning.
  if a.calls then
    local fitting = {}
    for mode in each(a.modes) do
      if fits(a, weight_of(mode)) then fitting[#fitting + 1] = mode end
    end
    a.talks = table.concat(fitting, ",")
  end
  for _, ticket in ipairs(call("ZRANGE", K .. "mine:" .. id, 0, a.calls and -1 or 0)) do
    local home, _, _, mode = parts(call("HGET", K .. "ticket:" .. ticket, "lane"))
    if fits(a, weight_of(mode)) and not (a.calls and call_about(a, ticket)) then
      make_offer(ticket, id, a, {rule = "preferred", ring = ring_of(a.district, home, lenders_of(home)), opened_ms = 0})
      return true
    end
  end
  a.holds = {}
  for _, one in ipairs((calls_of(a))) do a.holds[one.ticket] = true end
  for _, ticket in ipairs(call("SMEMBERS", K .. "shuns:" .. id)) do
    local lane, passed_by = unpack(call("HMGET", K .. "ticket:" .. ticket, "lane", "passed_by"))
    if not passed_by or not among(passed_by, id) then
      call("SREM", K .. "shuns:" .. id, ticket)
    elseif shunned_by(lane, passed_by) then
      a.holds[ticket] = true
    end
  end
  return false
end

-- Offer a free agent what is theirs next: who waits for them alone, else of all lanes they may serve the head
-- with the lowest score + opening, own district first. known: the agent, if they are at hand.
local function seek(id, rule, known)
  local a = known or agent_of(id)
  if a.calls then
    -- Parts: room.
    if not has_room(a, rule) then return false end
  elseif a.state ~= "idle" or (a.pull == "1" and not rule) then
    return false
  end
  a.can, a.skilled, a.spoken, a.talks = {}, "," .. a.skills .. ",", "," .. a.languages .. ",", a.modes
  local apart = a.calls or call("EXISTS", K .. "mine:" .. id, K .. "shuns:" .. id) > 0
  if apart and seek_apart(id, a) then return true end
  local seen = {}
  local best = better_abroad(a, best_own(a, seen), seen)
  if not best then return false end
  local head = best.skip == 0
  local ticket = head and call("ZPOPMIN", K .. "lane:" .. best.lane)[1]
    or call("ZRANGE", K .. "lane:" .. best.lane, best.skip, best.skip)[1]
  make_offer(ticket, id, a, {rule = rule or "longest_waiting", ring = best.ring, opened_ms = best.opening,
    considered = others(seen, "lane", best.lane)}, head and "popped")
  return true
end

-- An agent whose page was gone in a call is back.
local function come_to_life(id, a)
  a.lost = a.lost or "1" -- the lease may have ended before anybody looked
  be_back(id, a)
  if not a.calls then return end
  -- Parts: room.
  make_room(id, a)
  seek(id, nil, a)
end
