-- rebuild(prefix; now ms, (ticket, lane, score ms, joined ms, epoch)...) -> how many were missing
-- Puts tickets back without offering any yet: the lanes are marked due, the longest-waiting first.
-- Keys: ticket:<ticket>, ended:<ticket>, widen, and what push touches (line.lua). Announces nothing.
local added = 0
for i = 2, #ARGV, 5 do
  local ticket, lane, score = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key = K .. "ticket:" .. ticket
  if call("EXISTS", key, K .. "ended:" .. ticket) == 0 then
    call("HSET", key, "lane", lane, "score", score, "joined", ARGV[i + 3], "epoch", ARGV[i + 4], "state", "waiting")
    push(ticket, lane, score)
    call("ZADD", K .. "widen", call("ZRANGE", K .. "lane:" .. lane, 0, 0, "WITHSCORES")[2], lane)
    added = added + 1
  end
end
return added
