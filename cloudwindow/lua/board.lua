-- board(prefix; now ms) -> json of {lane, tickets waiting, joining time of the head in ms} per lane in use
-- A ticket that waits for one agent alone stands in the line like everybody.
-- Keys: waiting, lane:<lane>, reserved:<lane>, ticket:<ticket>. Changes nothing, announces nothing.
local lanes, counts = {}, call("HGETALL", K .. "waiting")
for i = 1, #counts, 2 do
  local head, first
  for _, kept in ipairs({"lane:", "reserved:"}) do
    local found = call("ZRANGE", K .. kept .. counts[i], 0, 0, "WITHSCORES")
    local score = tonumber(found[2])
    if score and (not first or score < first or (score == first and found[1] < head)) then
      head, first = found[1], score
    end
  end
  lanes[#lanes + 1] = {counts[i], tonumber(counts[i + 1]), tonumber(call("HGET", K .. "ticket:" .. head, "joined"))}
end
return cjson.encode(lanes)
