-- wrap_up(prefix; now ms, agent, ticket) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS not in a call; TICKET_ELSEWHERE in a call with another ticket.
-- Wrapped up already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, ended:<ticket>, and what move touches.
-- Announces ticket.left (reason served), agent.wrap_up.
-- Parts: states ending.
local id, ticket = ARGV[2], ARGV[3]
local key = K .. "agent:" .. id
local a = fields(key, "state", "ticket", "offer", "wrapped", "district", "free_from", "free_spent", "pull")
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.wrapped == ticket and (a.ticket ~= ticket or a.state == "wrap_up") then return 1 end
if a.state ~= "in_call" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " end_call") end
if a.ticket ~= ticket then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t = fields(K .. "ticket:" .. ticket, "lane", "epoch")
end_ticket(ticket)
announce("ticket.left", ticket, id, a.offer, tonumber(t.epoch), {reason = "served", lane = t.lane})
call("HSET", key, "wrapped", ticket)
call("HDEL", key, "offer")
a.offer = nil
busy(id, a, "wrap_up", "served", "again")
renew(id, a)
tell_state("agent.wrap_up", id, a)
return 1
