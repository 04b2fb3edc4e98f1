-- roster(prefix; now ms) -> json of every agent signed in
-- Keys: agents, agent:<agent>, presence. Changes nothing, announces nothing.
local found = {}
for _, id in ipairs(call("SMEMBERS", K .. "agents")) do
  local a = hash(K .. "agent:" .. id)
  found[#found + 1] = {agent = id, district = a.district, skills = a.skills, languages = a.languages,
    modes = a.modes, serves = a.serves, state = a.state, since = tonumber(a.since), reason = a.reason,
    ticket = a.ticket or "", offer = a.offer or "", present = call("ZSCORE", K .. "presence", id) and true or false}
end
return cjson.encode(found)
