-- detach(prefix; now ms, ticket) -> 1 its place is kept | 0 unknown, or in a call
-- Keys: ticket:<ticket>, grace, and what pull touches. Announces ticket.detached.
-- A ticket that is being offered goes on ringing; if it returns, it waits aside. Whoever asked to be rung
-- back, or waits aside until a promised time, need not have the page open: nothing changes.
-- Parts: words tickets rings lanes.
local ticket = ARGV[2]
local t = hash(K .. "ticket:" .. ticket)
if not t.state or t.state == "serving" then return 0 end
if t.detached or t.callback or t.state == "held" then return 1 end
if t.state == "waiting" then
  pull(ticket, t)
  call("HSET", K .. "ticket:" .. ticket, "state", "detached")
end
call("HSET", K .. "ticket:" .. ticket, "detached", 1)
call("ZADD", K .. "grace", now + RULES.grace, ticket)
announce("ticket.detached", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, kept_until_ms = now + RULES.grace})
return 1
