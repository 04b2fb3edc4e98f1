-- The end of a ticket in the line.

local function end_ticket(ticket)
  call("DEL", K .. "ticket:" .. ticket)
  call("ZREM", K .. "grace", ticket)
  call("ZREM", K .. "offers", ticket)
  call("ZREM", K .. "held", ticket)
  call("SET", K .. "ended:" .. ticket, "1", "EX", 60)
end
