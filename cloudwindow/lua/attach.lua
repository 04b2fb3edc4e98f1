-- attach(prefix; now ms, ticket) -> 1 the citizen is there | 0 unknown
-- Keys: ticket:<ticket>, grace, and what push and match_lane touch (line.lua).
-- Announces ticket.attached; offer.made when a free agent may serve it.
local ticket = ARGV[2]
local t = hash(K .. "ticket:" .. ticket)
if not t.state then return 0 end
if not t.detached then return 1 end
call("HDEL", K .. "ticket:" .. ticket, "detached")
call("ZREM", K .. "grace", ticket)
announce("ticket.attached", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, score = t.score})
if t.state == "detached" then
  call("HSET", K .. "ticket:" .. ticket, "state", "waiting")
  push(ticket, t.lane, t.score)
  match_lane(t.lane)
end
return 1
