-- sign_in(prefix; now ms, agent, district, skills, languages, modes, serves) -> the agent's state
-- The lists are joined by commas and sorted; serves is "*" or the districts the agent may help.
-- Keys: agent:<agent>, agents, presence, and what desks and duty touch (line.lua).
-- Announces agent.signed_in with the profile, new or changed, which takes effect at once; the state stays, and
-- somebody new is away: agent.away.
local id, key = ARGV[2], K .. "agent:" .. ARGV[2]
local a = hash(key)
local profile = {district = ARGV[3], skills = ARGV[4], languages = ARGV[5], modes = ARGV[6], serves = ARGV[7],
  desk = ARGV[4]}
local same = a.state ~= nil
for name, value in pairs(profile) do same = same and a[name] == value end
if same then
  renew(id, a)
  return a.state
end
local state, ticket, offer, idle_since, reason = a.state, a.ticket, a.offer, a.idle_since, a.reason
if state then
  move(id, a, "offline")
  leave_desk(a)
end
call("HSET", key, "district", ARGV[3], "skills", ARGV[4], "languages", ARGV[5], "modes", ARGV[6],
  "serves", ARGV[7], "desk", ARGV[4])
call("SADD", K .. "agents", id)
profile.idle_since = idle_since
enter_desk(profile)
move(id, profile, state or "away", reason or "signed_in", true)
renew(id, profile)
announce("agent.signed_in", profile.ticket, id, profile.offer, nil, {district = ARGV[3], skills = ARGV[4],
  languages = ARGV[5], modes = ARGV[6], serves = ARGV[7], state = profile.state})
if not state then tell_state("agent.away", id, profile) end
if state == "idle" then seek(id) end
return state or "away"
