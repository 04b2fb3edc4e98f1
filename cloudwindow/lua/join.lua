-- join(prefix; now ms, ticket, lane, score ms, joined ms, epoch) -> 1 joined | 0 is in the line already
-- Keys: ticket:<ticket>, ended:<ticket>, and what push and match_lane touch (line.lua).
-- Announces ticket.joined; offer.made when a free agent may serve it.
local ticket, lane, score = ARGV[2], ARGV[3], ARGV[4]
local key = K .. "ticket:" .. ticket
if call("EXISTS", key) == 1 then return 0 end
call("DEL", K .. "ended:" .. ticket)
call("HSET", key, "lane", lane, "score", score, "joined", ARGV[5], "epoch", ARGV[6], "state", "waiting")
announce("ticket.joined", ticket, nil, nil, tonumber(ARGV[6]), {lane = lane, score = score, joined_ms = tonumber(ARGV[5])})
push(ticket, lane, score)
match_lane(lane)
return 1
