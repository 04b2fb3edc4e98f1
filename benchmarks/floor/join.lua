-- join(prefix; now ms, ticket, lane, score ms, joined ms, epoch) -> 1 joined | 0 is in the line already
-- Keys: ticket:<ticket>, ended:<ticket>, queue, waiting. Announces ticket.joined; offer.made.
local ticket, lane, score, joined, epoch = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local key = K .. "ticket:" .. ticket
if call("EXISTS", key) == 1 then return 0 end
call("DEL", K .. "ended:" .. ticket)
call("HSET", key, "state", "waiting", "lane", lane, "score", score, "joined", joined, "epoch", epoch)
announce("ticket.joined", ticket, "", "", epoch,
  cjson.encode({lane = lane, score = score, joined_ms = tonumber(joined)}))
call("HINCRBY", K .. "waiting", lane, 1)
call("ZADD", K .. "queue", score, ticket)
pair()
return 1
