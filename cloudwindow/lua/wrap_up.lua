-- wrap_up(prefix; now ms, agent, ticket) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS not in a call; TICKET_ELSEWHERE in a call with another ticket.
-- Wrapped up already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, ended:<ticket>, and what busy touches.
-- Announces ticket.left (reason served), agent.wrap_up; agent.calls instead while another call goes on.
-- Parts: states ending.
local id, ticket = ARGV[2], ARGV[3]
local key = K .. "agent:" .. id
local a = fields(key, "state", "ticket", "offer", "wrapped", "district", "free_from", "free_spent", "pull", "calls",
  "capacity", "since", "leaving", "lost")
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local mine, held = call_about(a, ticket)
if mine and mine.state == "wrap_up" or not mine and a.wrapped == ticket then return 1 end
if a.state ~= "in_call" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " end_call") end
if not mine then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t = fields(K .. "ticket:" .. ticket, "lane", "epoch", "offer")
local before = a.state
end_ticket(ticket)
announce("ticket.left", ticket, id, t.offer, tonumber(t.epoch), {reason = "served", lane = t.lane})
call("HSET", key, "wrapped", ticket)
mine.state = "wrap_up"
set_calls(a, held)
busy(id, a, standing(a), "served", "again")
renew(id, a)
tell_calls(id, a, before, ticket)
return 1
