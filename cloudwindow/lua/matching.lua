-- Matching: a ticket looks for a free agent. Needs words, lanes, offers, choosing, searching.

-- Offer a ticket to the free agent who was found for it. stood, known: as make_offer wants them.
local function offer_to(id, by, a, ticket, stood, known)
  make_offer(ticket, id, a, {rule = "longest_idle", ring = by.ring, opened_ms = by.opening,
    considered = others(by.seen, "agent", id)}, stood, known)
end

-- Offer the lane's tickets, oldest first, to free agents until none fits. Answers how many were offered.
local function match_lane(lane)
  local offered, skip = 0, 0
  while offered < 100 and skip < 4 and free_for(lane) do
    local head = call("ZRANGE", K .. "lane:" .. lane, skip, skip, "WITHSCORES")
    local ticket = head[1]
    if not ticket then break end
    local passed_by = call("HGET", K .. "ticket:" .. ticket, "passed_by")
    local id, by, a = free_agent(lane, ticket, tonumber(head[2]), passed_by)
    if id then
      if skip == 0 then call("ZREM", K .. "lane:" .. lane, ticket) end
      offer_to(id, by, a, ticket, skip == 0 and "popped")
      offered = offered + 1
    elseif by then
      skip = skip + 1
    else
      break
    end
  end
  return offered
end
