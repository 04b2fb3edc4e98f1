-- leave(prefix; now ms, ticket, reason) -> 1 out of the line | 0 unknown, or in a call
-- Keys: ticket:<ticket>, ended:<ticket>, and what pull, withdraw and seek touch.
-- Announces ticket.left; before it offer.withdrawn and agent.available when the ticket was being offered.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local ticket, reason = ARGV[2], ARGV[3]
local t = hash(K .. "ticket:" .. ticket)
if not t.state then return call("EXISTS", K .. "ended:" .. ticket) end
if t.state == "serving" then return 0 end
if t.state == "waiting" then pull(ticket, t) end
if t.state == "offered" then withdraw(ticket, t, reason) end
end_ticket(ticket)
announce("ticket.left", ticket, nil, nil, tonumber(t.epoch), {reason = reason, lane = t.lane})
if t.state == "offered" then seek(t.agent) end
return 1
