-- Shunning: tickets that agents have passed on. Needs rings.

-- Whether somebody at work who has not passed a ticket on could be offered it, sooner or later.
local function others_could(lane, passed_by)
  local home, skill, language, mode = parts(lane)
  local rest, lenders, opens = "|" .. skill .. "|" .. language .. "|" .. mode, lenders_of(home), openings(lane)
  local asked, able = {}, 0
  for district in each(RULES.districts) do
    if opens[ring_of(district, home, lenders)] < NEVER then
      asked[#asked + 1] = district .. rest
      asked[#asked + 1] = district .. ">" .. home .. rest
    end
  end
  for _, agents in ipairs(call("HMGET", K .. "duty", unpack(asked))) do able = able + (tonumber(agents or 0) or 0) end
  for id in each(passed_by) do
    local a = agent_of(id)
    if AT_WORK[a.state] and masters(a.skills, skill) and among(a.languages, language) and among(a.modes, mode)
        and reaches(a.serves, a.district, home) and opens[ring_of(a.district, home, lenders)] < NEVER then
      able = able - 1
    end
  end
  return able > 0
end

-- Whether a ticket is not offered to those who passed it on; if so its lane is looked at when somebody leaves work.
local function shunned_by(lane, passed_by)
  if not passed_by or not others_could(lane, passed_by) then return false end
  call("ZADD", K .. "shunned", "NX", "+inf", lane)
  return true
end
