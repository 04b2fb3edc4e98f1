-- wrap_up(prefix; now ms, agent, ticket) -> 1
-- Error TICKET_ELSEWHERE: in a call with another. Keys: agent:<agent>, ticket:<ticket>, ended:<ticket>, offers,
-- presence, staff. Announces ticket.left (reason served), agent.wrap_up.
local id, ticket = ARGV[2], ARGV[3]
local a = call("HMGET", K .. "agent:" .. id, "district", "state", "ticket", "offer")
if a[2] ~= "in_call" or a[3] ~= ticket then return redis.error_reply("TICKET_ELSEWHERE in a call with another") end
local t = call("HMGET", K .. "ticket:" .. ticket, "lane", "epoch")
call("DEL", K .. "ticket:" .. ticket)
call("ZREM", K .. "offers", ticket)
call("SET", K .. "ended:" .. ticket, "1", "EX", 60)
announce("ticket.left", ticket, id, a[4], t[2], cjson.encode({reason = "served", lane = t[1]}))
call("HSET", K .. "agent:" .. id, "wrapped", ticket)
call("HDEL", K .. "agent:" .. id, "offer")
move(id, a[1], "in_call", "wrap_up", "served", ARGV[1])
call("ZADD", K .. "presence", now + RULES.lease, id)
tell_state("agent.wrap_up", ticket, id, "", a[1], "served", ARGV[1])
return 1
