-- hold(prefix; now ms, ticket, not before ms) -> 1 waits aside until then | 0 unknown, or being served
-- It keeps its place. An earlier or later instant replaces the one before; one that has passed ends the hold.
-- Keys: ticket:<ticket>, held, grace, and what pull, withdraw and seek touch.
-- Announces ticket.held (before it offer.withdrawn and agent.available when it was being offered), or
-- ticket.ready and offer.made.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local ticket, ends = ARGV[2], ARGV[3]
local key = K .. "ticket:" .. ticket
local t = hash(key)
if not t.state or t.state == "serving" then return 0 end
if t.state == "held" and t.not_before == ends then return 1 end
if tonumber(ends) <= now then
  if t.state == "held" then
    ready(ticket, t)
    match(ticket, t.lane)
  end
  return 1
end
if t.state == "waiting" then pull(ticket, t) end
if t.state == "offered" then
  withdraw(ticket, t, "held")
  call("ZREM", K .. "offers", ticket)
  call("HDEL", key, "agent", "offer", "expires", "told")
end
call("HDEL", key, "detached")
call("ZREM", K .. "grace", ticket)
call("HSET", key, "state", "held", "not_before", ends)
call("ZADD", K .. "held", ends, ticket)
announce("ticket.held", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, until_ms = tonumber(ends)})
if t.state == "offered" then seek(t.agent) end
return 1
