-- roster(prefix; now ms, agent?) -> json of every agent signed in, or of this one alone
-- Keys: agents, agent:<agent>, presence, shifts. Changes nothing, announces nothing.
local found = {}
for _, id in ipairs(ARGV[2] and {ARGV[2]} or call("SMEMBERS", K .. "agents")) do
  local a = agent_of(id)
  if a.state then
    found[#found + 1] = {agent = id, district = a.district, skills = a.skills, languages = a.languages,
      modes = a.modes, serves = a.serves, state = a.state, since = tonumber(a.since), reason = a.reason,
      ticket = a.ticket or string.match(a.calls or "", "([^>,]+)>[^,]*$") or "", offer = a.offer or "", calls = a.calls or "",
      capacity = tonumber(a.capacity), rings_ms = a.offer and tonumber(call("HGET", K .. "ticket:" .. a.ticket, "expires")),
      present = not a.lost and call("ZSCORE", K .. "presence", id) and true or false,
      pull = a.pull == "1", leaving = a.leaving or "", shift_ms = tonumber(call("ZSCORE", K .. "shifts", id) or 0)}
  end
end
return cjson.encode(found)
