-- roster(prefix; now ms, agent?) -> json of every agent signed in, or of this one alone
-- Keys: agents, agent:<agent>, presence, shifts. Changes nothing, announces nothing.
local found = {}
for _, id in ipairs(ARGV[2] and {ARGV[2]} or call("SMEMBERS", K .. "agents")) do
  local a = hash(K .. "agent:" .. id)
  if a.state then
    found[#found + 1] = {agent = id, district = a.district, skills = a.skills, languages = a.languages,
      modes = a.modes, serves = a.serves, state = a.state, since = tonumber(a.since), reason = a.reason,
      ticket = a.ticket or "", offer = a.offer or "", present = call("ZSCORE", K .. "presence", id) and true or false,
      pull = a.pull == "1", leaving = a.leaving or "", shift_ms = tonumber(call("ZSCORE", K .. "shifts", id) or 0)}
  end
end
return cjson.encode(found)
