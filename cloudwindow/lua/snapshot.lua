-- snapshot(prefix; now ms) -> {id of the latest announcement, lanes, other tickets, agents (json), handling, lenders}
-- lanes: {lane, {ticket, score ms, joined ms, ...}} each; other tickets, those aside, held, offered or with an agent:
-- {ticket, lane, score ms, joined ms, state, 1 if its citizen is away} each; handling and lenders:
-- {field, value, ...}.
-- Keys: announcements, waiting, lane:<lane>, reserved:<lane>, ticket:<ticket>, grace, held, offers, agents,
-- agent:<agent>, presence, handling, lenders. Changes nothing, announces nothing: one instant, from which the stream leads on.
local newest = call("XREVRANGE", K .. "announcements", "+", "-", "COUNT", 1)[1]
local lanes, others, agents, seen = {}, {}, {}, {}

for _, lane in ipairs(call("HKEYS", K .. "waiting")) do
  local row = {}
  for _, kept in ipairs({"lane:", "reserved:"}) do
    local rows = call("ZRANGE", K .. kept .. lane, 0, -1, "WITHSCORES")
    for i = 1, #rows, 2 do
      row[#row + 1] = rows[i]
      row[#row + 1] = rows[i + 1]
      row[#row + 1] = call("HGET", K .. "ticket:" .. rows[i], "joined")
    end
  end
  lanes[#lanes + 1] = {lane, row}
end

local function other(ticket)
  local t = hash(K .. "ticket:" .. ticket)
  if seen[ticket] or not t.state or t.state == "waiting" then return end
  seen[ticket] = true
  others[#others + 1] = {ticket, t.lane, t.score, t.joined, t.state, t.detached and 1 or 0}
end

for _, id in ipairs(call("SMEMBERS", K .. "agents")) do
  local a = agent_of(id)
  if a.ticket then other(a.ticket) end
  for ticket in string.gmatch(a.calls or "", "([^>,]+)>in_call>") do other(ticket) end
  agents[#agents + 1] = {agent = id, district = a.district, skills = a.skills, languages = a.languages,
    modes = a.modes, serves = a.serves, state = a.state, since = tonumber(a.since), reason = a.reason,
    ticket = a.ticket or string.match(a.calls or "", "([^>,]+)>[^,]*$") or "", offer = a.offer or "", calls = a.calls or "",
    capacity = tonumber(a.capacity), leaving = a.leaving or "",
    present = not a.lost and call("ZSCORE", K .. "presence", id) and true or false}
end
for _, kept in ipairs({"offers", "grace", "held"}) do
  for _, ticket in ipairs(call("ZRANGE", K .. kept, 0, -1)) do other(ticket) end
end
return {newest and newest[1] or "0-0", lanes, others, agents[1] and cjson.encode(agents) or "[]",
  call("HGETALL", K .. "handling"), call("HGETALL", K .. "lenders")}
