-- Searching: who is free for a ticket. Needs words, rings, choosing.

-- The longest idle agent of one list who may serve the ticket, better than best if there is one already; of those
-- with calls the least loaded. wanted: home skill language mode; shunned, agents it is not offered to; left, those
-- who were looked at closer and do not take it; passed, set when somebody passes on it.
local function idle_in(list, district, ring, wanted, best, seen)
  local from, page = 0, 2
  while true do
    local found = call("ZRANGE", list, from, from + page - 1, "WITHSCORES")
    local since = tonumber(found[2])
    if not since or (best and (since > best.since or (since == best.since and found[1] > best.id))) then return best end
    local ids = {}
    for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
    local profiles = call("HMGET", K .. "profiles", unpack(ids))
    for i, id in ipairs(ids) do
      since = tonumber(found[2 * i])
      if best and (since > best.since or (since == best.since and id > best.id)) then return best end
      local profile = profiles[i]
      local languages, modes, serves = string.match(profile, "^[^|]+|([^|]+)|([^|]+)|([^|]+)$")
      if among(languages, wanted.language) and among(modes, wanted.mode) and reaches(serves, district, wanted.home)
          and not wanted.left[id] and (wanted.alone or masters(string.match(profile, "^,([^|]+),"), wanted.skill)) then
        if wanted.shunned and among(wanted.shunned, id) then
          wanted.passed = true
          if #seen < 6 then seen[#seen + 1] = {agent = id, ring = ring - 1, passed_on = true} end
        else
          if #seen < 6 then
            local load = math.floor(since / 1e13)
            seen[#seen + 1] = {agent = id, ring = ring - 1, idle_ms = now - since + load * 1e13,
              load = load > 0 and load or nil}
          end
          return {id = id, since = since}
        end
      end
    end
    if #ids < page then return best end
    from, page = from + page, 16
  end
end

-- The districts of the outer rings by their ring around a home district: those with somebody idle, or all.
local function around(home, all)
  local names, asked, rings, lenders = {}, {}, {{}, {}, {}, {}}, lenders_of(home)
  for district in each(RULES.districts) do
    names[#names + 1] = district
    asked[#asked + 1] = district .. "|idle"
  end
  for i, idle in ipairs(call("HMGET", K .. "staff", unpack(asked))) do
    if (all or tonumber(idle or 0) > 0) and names[i] ~= home then
      local ring = rings[ring_of(names[i], home, lenders)]
      ring[#ring + 1] = names[i]
    end
  end
  return rings
end

-- Who of some districts of one ring comes first, and all who were seen; with room: of those with calls.
local function first_of(districts, ring, wanted, room)
  while true do
    local best, seen = nil, {}
    for _, district in ipairs(districts) do
      for _, list in ipairs(room and {K .. "room:" .. district} or idle_lists(district, wanted.first)) do
        wanted.alone = not room and wanted.skill == wanted.first -- whom the list has for this skill has all
        best = idle_in(list, district, ring, wanted, best, seen)
      end
    end
    if not best then return nil end
    local a = agent_of(best.id)
    local takes = a.passed ~= wanted.ticket or not passes(a.passed_until)
    if a.calls then
      -- Parts: states room.
      takes = takes and not call_about(a, wanted.ticket) and fits(a, weight_of(wanted.mode))
    end
    if takes then return best.id, a, seen end
    wanted.left[best.id], wanted.passed = true, true
  end
end

-- Whoever may serve the ticket and is free: nearest open ring first; there who holds nothing, longest idle first;
-- then who holds least, if the ticket fits beside it. Answers the agent, what was chosen by (ring, when it opened,
-- who was seen) and the agent's hash; if there is nobody: nil, whether somebody passes on it.
local function free_agent(lane, ticket, score, passed_by)
  local opens = openings(lane)
  local home, skill, language, mode = parts(lane)
  local first = string.match(skill, "^[^+]+")
  local wanted = {home = home, skill = skill, language = language, mode = mode, ticket = ticket, first = first,
    left = {}}
  if passed_by then
    -- Parts: shunning.
    wanted.shunned = shunned_by(lane, passed_by) and passed_by
  end
  local beside = light(lane) and call("EXISTS", K .. "room") == 1
  local rings
  for ring = 1, 4 do
    if score + opens[ring] > now then break end
    local districts
    if ring > 1 then
      rings = rings or around(home, beside)
      districts = rings[ring]
    else
      districts = (beside or tonumber(call("HGET", K .. "staff", home .. "|idle") or 0) > 0) and {home} or {}
    end
    local id, a, seen = first_of(districts, ring, wanted)
    if not id and beside then id, a, seen = first_of(districts, ring, wanted, true) end
    if id then return id, {ring = ring, opening = opens[ring], seen = seen}, a end
  end
  return nil, wanted.passed or false
end
