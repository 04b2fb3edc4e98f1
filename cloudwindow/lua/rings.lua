-- Rings: 1 own district, 2 lenders, 3 neighbours, 4 the city; when each opens for a lane.
local NEVER = 1e15
local known_openings = {} -- lane -> when its rings open, as long as nobody comes to work or leaves it

local function borders(home, district)
  local _, from = string.find(RULES.borders, ";" .. home .. "=", 1, true)
  return among(string.match(RULES.borders, "[^;]*", from + 1), district)
end

local function ring_of(helping, home, lenders)
  if helping == home then return 1 end
  if lenders and among(lenders, helping) then return 2 end
  return borders(home, helping) and 3 or 4
end

local function lenders_of(home)
  return call("HGET", K .. "lenders", home) or nil
end

-- Milliseconds after the score at which each ring opens, by the lane's ring word. Which rings have somebody at work
-- who could serve the place is counted when that has changed: the stay in the others is skipped.
local function openings(lane)
  local known = known_openings[lane]
  if known then return known end
  local key, word = string.match(lane, "^(.+)|([^|]+)$")
  local manned = call("HGET", K .. "manned", key)
  if not manned then
    local home, rest = string.match(key, "^([^|]+)(|.+)$")
    local lenders, asked, ring, flags = lenders_of(home), {}, {}, {"0", "0", "0"}
    for district in each(RULES.districts) do
      local nearness = ring_of(district, home, lenders)
      if nearness < 4 then
        asked[#asked + 1] = district .. rest
        asked[#asked + 1] = district .. ">" .. home .. rest
        ring[#asked - 1], ring[#asked] = nearness, nearness
      end
    end
    for i, agents in ipairs(call("HMGET", K .. "duty", unpack(asked))) do
      if agents and tonumber(agents) > 0 then flags[ring[i]] = "1" end
    end
    manned = table.concat(flags)
    call("HSET", K .. "manned", key, manned)
  end
  local opens, ring = {0, NEVER, NEVER, NEVER}, 1
  for stay in string.gmatch(word, "[^-]+") do
    if stay == "x" then break end
    local more = string.sub(manned, ring, ring) == "1" and tonumber(stay)
    opens[ring + 1] = opens[ring] + (more or 0) * 1000
    ring = ring + 1
  end
  known_openings[lane] = opens
  return opens
end

-- The lists with everybody idle in a district who has a skill.
local function idle_lists(district, skill)
  local lists = {K .. "idle:" .. district .. "|" .. skill}
  for _, skills in ipairs(call("SMEMBERS", K .. "pools:" .. district .. "|" .. skill)) do
    lists[#lists + 1] = K .. "pool:" .. district .. "|" .. skills
  end
  return lists
end

-- Look at the lane again when its head's next ring opens. before: the score of its last head, if that is known:
-- when all rings had opened for it, there is nothing to take back.
local function settle(lane, score, opens, before)
  local last = 0
  for _, opening in ipairs(opens) do
    if score + opening > now and opening < NEVER then
      call("ZADD", K .. "widen", score + opening, lane)
      return
    end
    if opening < NEVER then last = opening end
  end
  if not before or before + last > now then call("ZREM", K .. "widen", lane) end
end

duty = function(a, step)
  -- Parts: duties.
  if step < 0 then look_at_shunned() end
  for skill in each(a.skills) do count_duty(a, skill, step) end
  for _, both in ipairs(call("SMEMBERS", K .. "combinations")) do
    if masters(a.skills, both) then count_duty(a, both, step) end
  end
end

-- The first lane of its kind: remember its rings; count who is at work for a combination of skills.
local function learn(lane)
  local _, skill, _, _, word = parts(lane)
  call("SADD", K .. "rings", word)
  if not string.find(skill, "+", 1, true) or call("SADD", K .. "combinations", skill) == 0 then return end
  -- Parts: duties.
  for _, id in ipairs(call("SMEMBERS", K .. "agents")) do
    local a = agent_of(id)
    if AT_WORK[a.state] and masters(a.skills, skill) then count_duty(a, skill, 1) end
  end
end
