-- board(prefix; now ms) -> json of {lane, tickets waiting, joining time of the head in ms} per lane in use
-- A ticket that waits for one agent alone is counted; the head is the first who waits for everybody.
-- Keys: waiting, lane:<lane>, ticket:<ticket>. Changes nothing, announces nothing.
local lanes, counts = {}, call("HGETALL", K .. "waiting")
for i = 1, #counts, 2 do
  local head = call("ZRANGE", K .. "lane:" .. counts[i], 0, 0)[1]
  local joined = head and call("HGET", K .. "ticket:" .. head, "joined") or ARGV[1]
  lanes[#lanes + 1] = {counts[i], tonumber(counts[i + 1]), tonumber(joined)}
end
return cjson.encode(lanes)
