-- join(prefix; now ms, ticket, lane, score ms, joined ms, epoch, credit ms, priority, preferred agent,
--      prefer until ms, not before ms, callback 1 | "", agents who passed it on) -> 1 joined | 0 is in the line already
-- Keys: ticket:<ticket>, ended:<ticket>, held, and what push and match touch.
-- Announces ticket.joined; ticket.held when it is to wait aside; offer.made when a free agent may serve it.
-- Parts: words tickets.
local ticket, lane = ARGV[2], ARGV[3]
if call("EXISTS", K .. "ticket:" .. ticket) == 1 then return 0 end
call("DEL", K .. "ended:" .. ticket)
local t = keep_ticket(ticket, 3)
announce("ticket.joined", ticket, nil, nil, tonumber(t.epoch), {lane = lane, score = t.score,
  joined_ms = tonumber(t.joined), preferred = t.preferred, prefer_until_ms = tonumber(t.prefer_until),
  callback = t.callback})
if t.state == "held" then
  announce("ticket.held", ticket, nil, nil, tonumber(t.epoch), {lane = lane, until_ms = tonumber(t.not_before)})
  return 1
end
-- Who finds an empty lane and a free agent goes past the lane, which would be entered only to be left.
local free = free_for(lane)
local past = free and not t.preferred and call("EXISTS", K .. "lane:" .. lane) == 0
local where = past and "past" or stand(ticket, t)
if where == "behind" and not free then return 1 end
-- Parts: rings.
if not past then
  -- Parts: lanes.
  if where == "head" then new_head(lane) end
  if where ~= "mine" and not free then return 1 end
  -- Parts: states idling offers choosing.
  if where == "mine" then
    -- Parts: seeking.
    seek(t.preferred)
  else
    -- Parts: searching matching.
    match_lane(lane)
  end
  return 1
end
if string.find(lane, "+", 1, true) then learn(lane) end
-- Parts: choosing searching.
local id, by, a = free_agent(lane, ticket, tonumber(t.score), t.passed_by)
-- Parts: lanes.
if not id then
  open_lane(ticket, lane, t.score)
  return 1
end
-- Parts: states idling offers matching.
offer_to(id, by, a, ticket, "never", {lane, t.score, t.joined, t.credit, t.priority, nil, t.passed_by})
return 1
