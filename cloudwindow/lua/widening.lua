-- Widening: what is due is carried out, and the lanes whose next ring opens. Needs rings, matching.

-- One by one, each looked at again before its turn: the one before may have changed it. Answers how many were done.
local function carry_out(name, act)
  local done = 0
  for _, member in ipairs(call("ZRANGEBYSCORE", K .. name, "-inf", ARGV[1], "LIMIT", 0, 100)) do
    local deadline = call("ZSCORE", K .. name, member)
    if deadline and tonumber(deadline) <= now then
      act(member)
      done = done + 1
    end
  end
  return done
end

local function look_again(lane)
  call("ZREM", K .. "shunned", lane)
  match_lane(lane)
end

local function widen(lane)
  if match_lane(lane) == 100 then return end
  local head = call("ZRANGE", K .. "lane:" .. lane, 0, 0, "WITHSCORES")
  if head[1] then settle(lane, tonumber(head[2]), openings(lane)) else call("ZREM", K .. "widen", lane) end
end
