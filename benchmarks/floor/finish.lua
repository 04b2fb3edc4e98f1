-- finish(prefix; now ms, agent) -> 1
-- Error STATE_FORBIDS except in wrap-up. Keys: agent:<agent>, handling, idle, presence, staff.
-- Announces agent.available; offer.made.
local id = ARGV[2]
local key = K .. "agent:" .. id
local a = call("HMGET", key, "district", "state", "accepted", "skill", "free_from")
if a[2] ~= "wrap_up" then return redis.error_reply("STATE_FORBIDS " .. a[2] .. " finish") end
local seconds = (now - tonumber(a[3])) / 1000
call("HINCRBYFLOAT", K .. "handling", a[4] .. "|n", 1)
call("HINCRBYFLOAT", K .. "handling", a[4] .. "|t", seconds)
call("HINCRBYFLOAT", K .. "handling", a[4] .. "|s", seconds * seconds)
call("HDEL", key, "ticket", "offer", "accepted")
call("HSET", key, "misses", 0)
move(id, a[1], "wrap_up", "idle", "", a[5])
call("ZADD", K .. "idle", a[5], id)
call("ZADD", K .. "presence", now + RULES.lease, id)
tell_state("agent.available", "", id, "", a[1], "", a[5])
pair()
return 1
