-- sign_in(prefix; now ms, agent, district, skills, languages, modes, serves, capacity) -> the agent's state
-- The lists are joined by commas and sorted; serves is "*" or the districts the agent may help; capacity is what
-- the agent's calls may weigh together, beyond a single one.
-- Keys: agent:<agent>, agents, profiles, presence, and what move and duty touch.
-- Announces agent.signed_in with the profile, new or changed, which takes effect at once; then agent.away for
-- somebody new, agent.changed for a changed profile. Whoever was lost in a call is back: agent.returned.
-- Parts: words states room.
local id, key = ARGV[2], K .. "agent:" .. ARGV[2]
local a = agent_of(id)
local names, same = {"district", "skills", "languages", "modes", "serves", "capacity"}, a.state ~= nil
for i, name in ipairs(names) do same = same and a[name] == ARGV[2 + i] end
local lost = a.state and (a.lost or not call("ZSCORE", K .. "presence", id))
if same then renew(id, a) end
if same and not lost then return a.state end
-- Parts: tickets rings lanes idling agents offers choosing seeking.
if same then
  come_to_life(id, a)
  return a.state
end
local state, working = a.state, AT_WORK[a.state]
if state == "idle" then rouse(id, a) end
if a.calls then call("ZREM", K .. "room:" .. a.district, id) end
leave_pool(a)
if state then count_staff(a, state, -1) end
if working then duty(a, -1) end
for i, name in ipairs(names) do
  a[name] = ARGV[2 + i]
  call("HSET", key, name, a[name])
end
enter_pool(id, a)
call("HSET", K .. "profiles", id, "," .. table.concat({a.skills .. ",", a.languages, a.modes, a.serves}, "|"))
call("SADD", K .. "agents", id)
local function tell_profile()
  announce("agent.signed_in", a.ticket, id, a.offer, nil, {district = a.district, skills = a.skills,
    languages = a.languages, modes = a.modes, serves = a.serves, capacity = a.capacity, state = a.state, calls = a.calls})
end

if not state then
  move(id, a, "away", "signed_in")
  tell_profile()
  tell_state("agent.away", id, a)
  return "away"
end
if working then duty(a, 1) end
count_staff(a, state, 1)
if state == "idle" then rest(id, a) end
renew(id, a)
if a.calls then make_room(id, a) end
if lost then come_to_life(id, a) end
tell_profile()
tell_state("agent.changed", id, a)
seek(id)
return state
