-- ahead(prefix; now ms, (lane, score ms)...) -> {tickets before that score, all tickets} over those lanes
-- Who waits for one agent alone stands in the line like everybody. Keys: lane:<lane>, reserved:<lane>.
-- Changes nothing, announces nothing.
local ahead, all = 0, 0
for i = 2, #ARGV, 2 do
  for _, kept in ipairs({"lane:", "reserved:"}) do
    local key = K .. kept .. ARGV[i]
    ahead = ahead + call("ZCOUNT", key, "-inf", "(" .. ARGV[i + 1])
    all = all + call("ZCARD", key)
  end
end
return {ahead, all}
