-- stay(prefix; now ms, agent) -> 1
-- The wish to go away after this call is taken back. Error NOT_SIGNED_IN. No such wish: nothing changes.
-- Keys: agent:<agent>, and what seek touches. Announces agent.staying; offer.made when there is room for another call.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking.
local id = ARGV[2]
local a = agent_of(id)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if not a.leaving then return 1 end
a.leaving = nil
call("HDEL", K .. "agent:" .. id, "leaving")
announce("agent.staying", nil, id, nil, nil, {district = a.district})
if not a.calls then return 1 end
make_room(id, a)
seek(id, nil, a)
return 1
