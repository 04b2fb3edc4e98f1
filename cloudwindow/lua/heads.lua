-- heads(prefix; now ms, count) -> tickets: the first `count` of each lane in use, all heads before all seconds;
-- after them those `count` * 4 who left the page and whose place is given up soonest.
-- Keys: waiting, lane:<lane>, grace. Changes nothing, announces nothing.
local count = tonumber(ARGV[2])
local lanes, found = call("HKEYS", K .. "waiting"), {}
local ranks = {}
for i, lane in ipairs(lanes) do ranks[i] = call("ZRANGE", K .. "lane:" .. lane, 0, count - 1) end
for rank = 1, count do
  for i = 1, #lanes do found[#found + 1] = ranks[i][rank] end
end
for _, ticket in ipairs(call("ZRANGE", K .. "grace", 0, count * 4 - 1)) do found[#found + 1] = ticket end
return found
