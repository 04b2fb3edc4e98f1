-- Matching: a ticket looks for a free agent. Needs tickets, rings, lanes, agents, offers, choosing.

-- The longest idle agent of one list who may serve the lane, better than best if there is one already; of
-- those with calls the least loaded. Second answer: somebody passes on this ticket.
-- shunned: agents it is not offered to.
local function idle_in(list, district, ring, lane, ticket, best, seen, shunned)
  local home, skill, language, mode = parts(lane)
  local first = string.match(skill, "^[^+]+")
  local word = "," .. first .. ","
  local from, page, more, passed = 0, 6, true, false
  while more do
    local found = call("ZRANGE", list, from, from + page - 1, "WITHSCORES")
    more, from, page = #found == 2 * page, from + page, 16
    local ids = {}
    for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
    local profiles = #ids > 0 and call("HMGET", K .. "profiles", unpack(ids)) or {}
    for i, id in ipairs(ids) do
      local since = tonumber(found[2 * i])
      if best and (since > best.since or (since == best.since and id > best.id)) then return best, passed end
      local skills, languages, modes, serves
      if string.find(profiles[i], word, 1, true) then -- most lack the skill: look closer at the others only
        skills, languages, modes, serves = string.match(profiles[i], "^,([^|]+),|([^|]+)|([^|]+)|([^|]+)$")
      end
      if skills and masters(skills, skill) and among(languages, language) and among(modes, mode)
          and reaches(serves, district, home) then
        local a = fields(K .. "agent:" .. id, "passed", "passed_until", "calls", "capacity")
        if shunned and among(shunned, id) then
          passed = true
          if #seen < 6 then seen[#seen + 1] = {agent = id, ring = ring - 1, passed_on = true} end
        elseif (a.passed == ticket and passes(a.passed_until)) or (a.calls and call_about(a, ticket)) then
          passed = true
        elseif fits(a, weight_of(mode)) then
          if #seen < 6 then
            local load = math.floor(since / 1e13)
            seen[#seen + 1] = {agent = id, ring = ring - 1, idle_ms = now - since + load * 1e13,
              load = load > 0 and load or nil}
          end
          return {id = id, since = since}, passed
        end
      end
    end
  end
  return best, passed
end

-- The districts of the outer rings with somebody idle, by their ring around a home district.
local function idle_around(home)
  local names, asked, rings, lenders = {}, {}, {{}, {}, {}, {}}, lenders_of(home)
  for district in pairs(NEIGHBOURS) do
    names[#names + 1] = district
    asked[#asked + 1] = district .. "|idle"
  end
  for i, idle in ipairs(call("HMGET", K .. "staff", unpack(asked))) do
    if idle and names[i] ~= home then
      local ring = rings[ring_of(names[i], home, lenders)]
      ring[#ring + 1] = names[i]
    end
  end
  return rings
end

-- The districts of the outer rings by their ring, whoever is there.
local function all_around(home)
  local rings, lenders = {{}, {}, {}, {}}, lenders_of(home)
  for district in pairs(NEIGHBOURS) do
    local ring = rings[ring_of(district, home, lenders)]
    ring[#ring + 1] = district
  end
  return rings
end

-- Whoever may serve the ticket and is free: nearest open ring first; there who holds nothing, longest idle first;
-- then who holds least, if the ticket fits beside it.
local function free_agent(lane, ticket, score)
  local opens, around, passed = openings(lane), nil, false
  local home, first = string.match(lane, "^([^|]+)|([^|+]+)")
  local passed_by = call("HGET", K .. "ticket:" .. ticket, "passed_by")
  local shunned = shunned_by(lane, passed_by) and passed_by
  local beside = light(lane) and call("EXISTS", K .. "room") == 1
  for ring = 1, 4 do
    if score + opens[ring] > now then break end
    if ring > 1 then around = around or (beside and all_around or idle_around)(home) end
    local best, seen = nil, {}
    for _, room in ipairs(beside and {false, true} or {false}) do
      for _, district in ipairs(ring == 1 and {home} or around[ring]) do
        for _, list in ipairs(room and {K .. "room:" .. district} or idle_lists(district, first)) do
          local skipped
          best, skipped = idle_in(list, district, ring, lane, ticket, best, seen, shunned)
          passed = passed or skipped
        end
      end
      if best then return best.id, ring, opens[ring], seen end
    end
  end
  return nil, passed
end

-- Offer a ticket to the free agent who was found for it. stood: how it stands in its lane, as make_offer wants it.
local function offer_to(id, ring, opening, seen, ticket, stood)
  make_offer(ticket, id, agent_of(id), {rule = "longest_idle", ring = ring, opened_ms = opening,
    considered = others(seen, "agent", id)}, stood)
end

-- Offer the lane's tickets, oldest first, to free agents until none fits. Answers how many were offered.
local function match_lane(lane)
  local offered, skip = 0, 0
  while offered < 100 and skip < 4 and free_for(lane) do
    local head = call("ZRANGE", K .. "lane:" .. lane, skip, skip, "WITHSCORES")
    if not head[1] then break end
    local id, ring, opening, seen = free_agent(lane, head[1], tonumber(head[2]))
    if id then
      if skip == 0 then call("ZREM", K .. "lane:" .. lane, head[1]) end
      offer_to(id, ring, opening, seen, head[1], skip == 0 and "popped")
      offered = offered + 1
    elseif ring then
      skip = skip + 1
    else
      break
    end
  end
  return offered
end
