-- sign_out(prefix; now ms, agent) -> 1
-- Error STATE_FORBIDS in a call. Not signed in: nothing changes.
-- Keys: agent:<agent>, agents, presence, passes, and what forget and return_and_go_away touch.
-- Announces agent.signed_out; before it offer.returned and agent.away when the agent was ringing.
-- Parts: words tickets rings lanes states room idling agents offers choosing seeking searching matching ending turning.
local id = ARGV[2]
local a = agent_of(id)
if not a.state then return 1 end
if a.state == "in_call" then return redis.error_reply("STATE_FORBIDS in_call sign_out") end
if a.state == "offered" then return_and_go_away(id, a, "signed_out") end
if a.offer then
  wish(id, a, "signed_out")
  return_beside(id, a, "signed_out")
end
forget(id, a, "signed_out")
return 1
