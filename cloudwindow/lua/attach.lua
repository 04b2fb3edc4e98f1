-- attach(prefix; now ms, ticket) -> 1 the citizen is there | 0 unknown
-- Keys: ticket:<ticket>, grace, and what push and match touch.
-- Announces ticket.attached; offer.made when a free agent may serve it.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local ticket = ARGV[2]
local t = hash(K .. "ticket:" .. ticket)
if not t.state then return 0 end
if not t.detached then return 1 end
come_back(ticket, t)
return 1
