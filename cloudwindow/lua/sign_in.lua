-- sign_in(prefix; now ms, agent, district, skills, languages, modes, serves) -> the agent's state
-- The lists are joined by commas and sorted; serves is "*" or the districts the agent may help.
-- Keys: agent:<agent>, agents, profiles, presence, and what move and duty touch.
-- Announces agent.away for somebody new, agent.changed for a changed profile, which takes effect at once.
-- Parts: words states agents.
local id, key = ARGV[2], K .. "agent:" .. ARGV[2]
local a = hash(key)
local names, same = {"district", "skills", "languages", "modes", "serves"}, a.state ~= nil
for i, name in ipairs(names) do same = same and a[name] == ARGV[2 + i] end
if same then
  renew(id, a)
  return a.state
end
-- Parts: tickets rings lanes offers choosing seeking.
local state, working = a.state, AT_WORK[a.state]
if state == "idle" then rouse(id, a) end
if state then count_staff(a, state, -1) end
if working then duty(a, -1) end
for i, name in ipairs(names) do
  a[name] = ARGV[2 + i]
  call("HSET", key, name, a[name])
end
call("HSET", K .. "profiles", id, "," .. table.concat({a.skills .. ",", a.languages, a.modes, a.serves}, "|"))
call("SADD", K .. "agents", id)
if not state then
  move(id, a, "away", "signed_in")
  tell_state("agent.away", id, a)
  return "away"
end
if working then duty(a, 1) end
count_staff(a, state, 1)
if state == "idle" then rest(id, a) end
renew(id, a)
tell_state("agent.changed", id, a)
seek(id)
return state
