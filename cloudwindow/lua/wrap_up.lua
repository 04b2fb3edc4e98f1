-- wrap_up(prefix; now ms, agent, ticket) -> 1
-- Errors NOT_SIGNED_IN; STATE_FORBIDS not in a call; TICKET_ELSEWHERE in a call with another ticket.
-- Wrapped up already: nothing changes.
-- Keys: agent:<agent>, ticket:<ticket>, ended:<ticket>, and what busy touches.
-- Announces ticket.left (reason served), agent.wrap_up; agent.calls instead while another call goes on.
-- Parts: states.
local id, ticket = ARGV[2], ARGV[3]
local key = K .. "agent:" .. id
local a = caller(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
local place = a.calls and string.find("," .. a.calls, "," .. ticket .. ">", 1, true)
local state_at = place and place + #ticket + 1
local ongoing = place and string.find(a.calls, "in_call>", state_at, true) == state_at
if place and not ongoing or not place and a.wrapped == ticket then return 1 end
if a.state ~= "in_call" then return redis.error_reply("STATE_FORBIDS " .. a.state .. " end_call") end
if not place then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t = call("HMGET", K .. "ticket:" .. ticket, "lane", "epoch", "offer")
-- A ticket that is served stands in no list of deadlines.
call("DEL", K .. "ticket:" .. ticket)
call("SET", K .. "ended:" .. ticket, "1", "EX", 60)
announce("ticket.left", ticket, id, t[3] or nil, tonumber(t[2] or 0), {reason = "served", lane = t[1] or nil})
call("HSET", key, "wrapped", ticket)
a.calls = string.sub(a.calls, 1, state_at - 1) .. "wrap_up" .. string.sub(a.calls, state_at + 7)
busy(id, a, standing(a), "served", "again")
renew(id, a)
tell_calls(id, a, "in_call", ticket)
return 1
