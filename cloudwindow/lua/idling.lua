-- Idling: who is free for others stands in lists.

-- Somebody who may be offered something stands in the idle lists, longest free first.
local function rest(id, a)
  if a.pull == "1" then return end
  call("ZADD", K .. "idle", a.free_from, id)
  if (a.pool or "") ~= "" then
    call("ZADD", K .. "pool:" .. a.district .. "|" .. a.pool, a.free_from, id)
    return
  end
  local here = K .. "idle:" .. a.district .. "|"
  for skill in each(a.skills) do call("ZADD", here .. skill, a.free_from, id) end
end

local function rouse(id, a)
  call("ZREM", K .. "idle", id)
  if (a.pool or "") ~= "" then
    call("ZREM", K .. "pool:" .. a.district .. "|" .. a.pool, id)
    return
  end
  local here = K .. "idle:" .. a.district .. "|"
  for skill in each(a.skills) do call("ZREM", here .. skill, id) end
end
