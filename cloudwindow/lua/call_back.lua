-- call_back(prefix; now ms, ticket, 1 | "") -> 1 | 0 unknown, or in a call
-- The citizen asks to be rung: the place is kept and offered with the page closed, until they take it back.
-- Keys: ticket:<ticket>, grace, and what push and match touch.
-- Announces ticket.callback; ticket.attached and offer.made when the place had been aside.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local ticket, wanted = ARGV[2], ARGV[3]
local key = K .. "ticket:" .. ticket
local t = hash(key)
if not t.state or t.state == "serving" then return 0 end
if (t.callback or "") == wanted then return 1 end
if wanted == "1" then call("HSET", key, "callback", 1) else call("HDEL", key, "callback") end
announce("ticket.callback", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, wanted = wanted == "1"})
if wanted == "1" and t.detached then come_back(ticket, t) end
return 1
