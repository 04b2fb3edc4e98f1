-- heads(prefix; now ms, count, most lanes, lane to begin with) -> tickets: the first `count` of up to `most` lanes in
-- use, all heads before all seconds.
-- Keys: waiting, lane:<lane>. Changes nothing, announces nothing.
local count, most, first = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lanes, ranks, found = call("HKEYS", K .. "waiting"), {}, {}
for i = 1, math.min(most, #lanes) do
  ranks[i] = call("ZRANGE", K .. "lane:" .. lanes[(first + i - 1) % #lanes + 1], 0, count - 1)
end
for rank = 1, count do
  for _, lane in ipairs(ranks) do found[#found + 1] = lane[rank] end
end
return found
