-- Sharing: who waited for one agent alone waits for everybody. Needs lanes.

local function enter(ticket, lane, score)
  call("ZADD", K .. "lane:" .. lane, score, ticket)
  if call("ZRANK", K .. "lane:" .. lane, ticket) == 0 then new_head(lane) end
end

-- It waits for one agent no longer: everybody may be offered it, at its old place.
local function share(ticket)
  local t = hash(K .. "ticket:" .. ticket)
  call("ZREM", K .. "prefers", ticket)
  if not t.reserved then return end
  call("ZREM", K .. "mine:" .. t.reserved, ticket)
  call("ZREM", K .. "reserved:" .. t.lane, ticket)
  call("HDEL", K .. "ticket:" .. ticket, "reserved")
  enter(ticket, t.lane, t.score)
  call("ZADD", K .. "widen", now, t.lane)
end
