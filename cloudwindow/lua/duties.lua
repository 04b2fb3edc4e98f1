-- Duties: who is at work for what, and the rings that open at other times for it.

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
    for home in each(homes) do rings_changed(home, rest) end
  end
  for language in each(a.languages) do
    for mode in each(a.modes) do
      local rest = "|" .. skill .. "|" .. language .. "|" .. mode
      if a.serves == "*" then
        count(a.district .. rest, rest, RULES.districts)
      else
        for home in each(a.serves) do
          count(a.district .. ">" .. home .. rest, rest, home)
        end
      end
    end
  end
end

-- Somebody less could take what others have passed on: look at those lanes again.
local function look_at_shunned()
  for _, lane in ipairs(call("ZRANGE", K .. "shunned", 0, -1)) do call("ZADD", K .. "shunned", now, lane) end
end
