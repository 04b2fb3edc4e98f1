-- Rings: 1 own district, 2 lenders, 3 neighbours, 4 the city; when each opens for a lane.
local NEIGHBOURS -- handed in
local NEVER = 1e15
local stays = {}
local known_openings = {} -- lane -> when its rings open, as long as nobody comes to work or leaves it

local function ring_of(helping, home, lenders)
  if helping == home then return 1 end
  if lenders and among(lenders, helping) then return 2 end
  return among(NEIGHBOURS[home], helping) and 3 or 4
end

local function lenders_of(home)
  return call("HGET", K .. "lenders", home) or nil
end

-- Which rings of a place have somebody at work who could serve it: the stay in the others is skipped.
local function count_manned(key)
  local home, rest = string.match(key, "^([^|]+)(|.+)$")
  local lenders, asked, ring, flags = lenders_of(home), {}, {}, {"0", "0", "0"}
  for district in pairs(NEIGHBOURS) do
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
  local found = table.concat(flags)
  call("HSET", K .. "manned", key, found)
  return found
end

-- Milliseconds after the score at which each ring opens, from a ring word and what is manned.
local function openings_of(word, manned)
  local known = stays[word .. manned]
  if known then return known end
  local opens, ring = {0}, 1
  for stay in string.gmatch(word, "[^-]+") do
    local closed = stay == "x" or opens[ring] >= NEVER
    local more = string.sub(manned, ring, ring) == "1" and tonumber(stay) or 0
    opens[ring + 1] = closed and NEVER or opens[ring] + (more or 0) * 1000
    ring = ring + 1
  end
  stays[word .. manned] = opens
  return opens
end

local function openings(lane)
  local known = known_openings[lane]
  if known then return known end
  local key, word = string.match(lane, "^(.+)|([^|]+)$")
  known = openings_of(word, call("HGET", K .. "manned", key) or count_manned(key))
  known_openings[lane] = known
  return known
end

-- The lists with everybody idle in a district who has a skill.
local function idle_lists(district, skill)
  local lists = {K .. "idle:" .. district .. "|" .. skill}
  for _, skills in ipairs(call("SMEMBERS", K .. "pools:" .. district .. "|" .. skill)) do
    lists[#lists + 1] = K .. "pool:" .. district .. "|" .. skills
  end
  return lists
end

-- Whether somebody may be free for a ticket of this score: in the own district, if only that is open yet.
local function free_at_once(lane, score)
  if not free_for(lane) then return false end
  if score + openings(lane)[2] <= now or light(lane) then return true end
  local home, first = string.match(lane, "^([^|]+)|([^|+]+)")
  return call("EXISTS", unpack(idle_lists(home, first))) > 0
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

-- The rings of a place may open at other times now: index its waiting lanes anew, match them with the next tick.
local function rings_changed(home, rest)
  if call("HDEL", K .. "manned", home .. rest) == 0 then return end
  known_openings = {}
  for _, word in ipairs(call("SMEMBERS", K .. "rings")) do
    local lane = home .. rest .. "|" .. word
    if call("EXISTS", K .. "lane:" .. lane) == 1 then
      refresh_head(lane)
      call("ZADD", K .. "widen", now, lane)
    end
  end
end

-- One agent more or less at work for one skill or combination of skills.
local function count_duty(a, skill, step)
  local function count(field, rest, homes)
    local agents = call("HINCRBY", K .. "duty", field, step)
    if agents <= 0 then call("HDEL", K .. "duty", field) end
    if agents ~= (step > 0 and 1 or 0) then return end
    for home in pairs(homes) do rings_changed(home, rest) end
  end
  for language in each(a.languages) do
    for mode in each(a.modes) do
      local rest = "|" .. skill .. "|" .. language .. "|" .. mode
      if a.serves == "*" then
        count(a.district .. rest, rest, NEIGHBOURS)
      else
        for home in each(a.serves) do
          count(a.district .. ">" .. home .. rest, rest, {[home] = true})
        end
      end
    end
  end
end

-- Somebody less could take what others have passed on: look at those lanes again.
local function look_at_shunned()
  for _, lane in ipairs(call("ZRANGE", K .. "shunned", 0, -1)) do call("ZADD", K .. "shunned", now, lane) end
end

duty = function(a, step)
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
  for _, id in ipairs(call("SMEMBERS", K .. "agents")) do
    local a = agent_of(id)
    if AT_WORK[a.state] and masters(a.skills, skill) then count_duty(a, skill, 1) end
  end
end
