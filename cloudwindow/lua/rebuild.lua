-- rebuild(prefix; now ms, (ticket, lane, score ms, joined ms, epoch, credit ms, priority, preferred agent,
--         prefer until ms, not before ms, callback, agents who passed it on)...) -> how many were missing
-- Puts tickets back without offering any yet: the lanes are marked due, the longest-waiting first.
-- Keys: ticket:<ticket>, ended:<ticket>, widen, and what push touches. Announces nothing.
-- Parts: words tickets rings lanes.
local added = 0
for i = 2, #ARGV, 12 do
  local ticket, lane = ARGV[i], ARGV[i + 1]
  if call("EXISTS", K .. "ticket:" .. ticket, K .. "ended:" .. ticket) == 0 then
    local t = keep_ticket(ticket, i + 1)
    if t.state == "waiting" and stand(ticket, t) == "head" then
      new_head(lane)
      call("ZADD", K .. "widen", t.score, lane)
    end
    added = added + 1
  end
end
return added
