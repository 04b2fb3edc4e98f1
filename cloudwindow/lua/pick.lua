-- pick(prefix; now ms, agent, ticket, reason) -> 1 it is offered to the agent
-- Errors NOT_SIGNED_IN; STATE_FORBIDS in a call or in wrap-up, or ringing for another; TICKET_GONE does not
-- wait; MAY_NOT_SERVE lacks skill, language, mode or reach. Offered to this agent already: nothing changes.
-- The agent may take it before its ring opens or its time has come: the reason says why.
-- Keys: agent:<agent>, ticket:<ticket>, and what move and make_offer touch.
-- Announces agent.returned for whose page was gone, agent.available for who was away; offer.made with the rule picked.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id, ticket, reason = ARGV[2], ARGV[3], ARGV[4]
local a, t = agent_of(id), hash(K .. "ticket:" .. ticket)
if not a.state then return redis.error_reply("NOT_SIGNED_IN the line does not know this agent") end
if a.offer and a.ticket == ticket then return 1 end
if t.state ~= "waiting" and t.state ~= "held" then return redis.error_reply("TICKET_GONE does not wait") end
local home, skill, language, mode = parts(t.lane)
if not (masters(a.skills, skill) and among(a.languages, language) and among(a.modes, mode)
    and reaches(a.serves, a.district, home)) then
  return redis.error_reply("MAY_NOT_SERVE lacks skill, language, mode or reach")
end
if call_about(a, ticket) or not fits(a, weight_of(mode)) or not arrive_free(id, a) then return redis.error_reply("STATE_FORBIDS " .. a.state .. " offer") end
if t.state == "held" then ready(ticket, t) end
make_offer(ticket, id, agent_of(id),
  {rule = "picked", ring = ring_of(a.district, home, lenders_of(home)), opened_ms = 0, reason = reason})
return 1
