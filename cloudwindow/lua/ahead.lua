-- ahead(prefix; now ms, (lane, score ms)...) -> {tickets before that score, all tickets} over those lanes
-- Keys: lane:<lane>. Changes nothing, announces nothing.
local ahead, all = 0, 0
for i = 2, #ARGV, 2 do
  local key = K .. "lane:" .. ARGV[i]
  ahead = ahead + call("ZCOUNT", key, "-inf", "(" .. ARGV[i + 1])
  all = all + call("ZCARD", key)
end
return {ahead, all}
