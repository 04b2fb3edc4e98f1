-- set_available(prefix; now ms, agent) -> 1
-- Keys: agent:<agent>, presence, staff, idle. Announces agent.available; offer.made.
local id = ARGV[2]
local district = call("HGET", K .. "agent:" .. id, "district")
call("HSET", K .. "agent:" .. id, "misses", 0)
call("ZADD", K .. "presence", now + RULES.lease, id)
move(id, district, "away", "idle", "", ARGV[1])
call("ZADD", K .. "idle", now, id)
tell_state("agent.available", "", id, "", district, "", ARGV[1])
pair()
return 1
