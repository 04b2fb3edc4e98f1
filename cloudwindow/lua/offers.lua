-- Offers: how one begins and how its ticket comes back. Needs states, rings, lanes, idling.

-- stood: "popped" when the ticket was taken from the head of its lane, "never" when it is new and stood in none.
-- known: the ticket's lane, score, joined, credit, priority, reserved and passed_by, if they are at hand.
local function make_offer(ticket, id, a, why, stood, known)
  local key = K .. "ticket:" .. ticket
  local t = known or call("HMGET", key, "lane", "score", "joined", "credit", "priority", "reserved", "passed_by")
  local lane, ring = t[1], why.ring - 1
  if stood ~= "never" then pull(ticket, {lane = lane, reserved = t[6] or nil}, stood == "popped" and tonumber(t[2])) end
  local epoch = call("HINCRBY", key, "epoch", 1)
  local name, expires = ticket .. "/" .. epoch, now + RULES.accept
  why.score_ms, why.waited_ms = tonumber(t[2]), now - tonumber(t[3])
  why.idle_ms, why.credit_ms = now - tonumber(a.free_from), tonumber(t[4] or 0)
  why.priority, why.ring = t[5] or "", nil
  if a.calls then
    local _, load = calls_of(a)
    why.load = load
  end
  if t[7] and among(t[7], id) then why.passed_on = true end
  local told = cjson.encode({offer = name, ticket = ticket, agent = id, epoch = epoch, expires_ms = expires,
    ring = ring, lane = lane, why = why})
  call("HSET", key, "state", "offered", "agent", id, "offer", name, "expires", expires, "told", told)
  call("ZADD", K .. "offers", expires, ticket)
  if a.came_from then a.state = a.came_from end
  if a.state == "idle" then rouse(id, a) end
  a.ticket, a.offer = ticket, name
  busy(id, a, a.calls and standing(a) or "offered", a.calls and a.reason)
  announce("offer.made", ticket, id, name, epoch, told)
end

-- What rang beside the calls of an agent does no longer.
local function silence(id, a, turn)
  drop_claim(a)
  busy(id, a, a.state, a.reason, turn)
  tell_calls(id, a, a.state)
end

-- A ticket that was offered or served stands at its old place again, or stays aside while its citizen is gone.
local function give_back(ticket, t, reason)
  local key = K .. "ticket:" .. ticket
  call("ZREM", K .. "offers", ticket)
  call("HDEL", key, "agent", "offer", "expires", "told")
  call("HSET", key, "state", t.detached and "detached" or "waiting")
  forget_preference(ticket, t)
  if not t.detached then push(ticket, t) end
  announce("offer.returned", ticket, t.agent, t.offer, tonumber(t.epoch), {reason = reason, lane = t.lane})
end
