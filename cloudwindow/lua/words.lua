-- Words: lanes and lists taken apart.
local AT_WORK = {idle = true, offered = true, in_call = true, wrap_up = true}

-- Whether calls of a lane fit beside others, by their mode.
local function light(lane)
  local weight = string.match(RULES.weights, string.match(lane, "|([^|]+)|[^|]+$") .. "=(%d+)")
  return weight and tonumber(weight) < RULES.full
end

-- Whether anybody at all may be offered a ticket of this lane now.
local function free_for(lane)
  return call("EXISTS", K .. "idle") == 1 or (light(lane) and call("EXISTS", K .. "room") == 1)
end

-- home, skill, language, mode, rings
local function parts(lane)
  return string.match(lane, "^([^|]+)|([^|]+)|([^|]+)|([^|]+)|([^|]+)$")
end

local function each(list)
  return string.gmatch(list, "[^,]+")
end

local function among(list, word)
  return list == "*" or string.find("," .. list .. ",", "," .. word .. ",", 1, true) ~= nil
end

-- Whether a list holds a skill, or all skills of "CA+HR".
local function masters(skills, skill)
  if not string.find(skill, "+", 1, true) then return among(skills, skill) end
  for one in string.gmatch(skill, "[^+]+") do
    if not among(skills, one) then return false end
  end
  return true
end

local function reaches(serves, district, home)
  return home == district or among(serves, home)
end
