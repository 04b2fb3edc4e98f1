-- Room: what fits beside the calls that an agent holds. Needs states.

-- Whether a call of this weight fits beside those the agent holds; the first always does.
local function fits(a, weight)
  local _, load = calls_of(a)
  return load == 0 or load + weight <= tonumber(a.capacity or 1)
end

-- Whether somebody with calls may be offered another. by_hand: they ask for it.
local function has_room(a, by_hand)
  if not a.calls or a.offer or a.leaving or a.lost or (a.pull == "1" and not by_hand) then return false end
  return fits(a, RULES.lightest)
end

-- Whoever has calls and room for more stands in the lists of those, least loaded first.
local function make_room(id, a)
  if has_room(a) then
    local _, load = calls_of(a)
    local turn = string.format("%d", load * 1e13 + a.free_from)
    call("ZADD", K .. "room", turn, id)
    call("ZADD", K .. "room:" .. a.district, turn, id)
  else
    call("ZREM", K .. "room", id)
    call("ZREM", K .. "room:" .. a.district, id)
  end
end
