-- tick(prefix; now ms) -> how much was done
-- Carries out what is due, at most 100 of each kind: leases, shifts, offers, passes, holds, preferences,
-- absences, rings that open. Acts on deadlines only, so any number of processes may call it.
-- Keys: presence, shifts, offers, passes, held, prefers, grace, widen, and what their owners touch.
-- Announces agent.lost, agent.away, agent.leaving, agent.signed_out, offer.missed, offer.returned,
-- agent.available, agent.calls, offer.withdrawn, ticket.ready, ticket.expired, offer.made.
local first
for _, name in ipairs({"presence", "shifts", "offers", "passes", "held", "prefers", "grace", "widen", "shunned"}) do
  first = first or (call("ZCOUNT", K .. name, "-inf", ARGV[1]) > 0 and name)
end
if not first then return 0 end
if first == "widen" or first == "shunned" then
  -- Parts: words tickets rings lanes states room idling offers choosing searching matching widening.
  return carry_out("widen", widen) + carry_out("shunned", look_again)
end
-- Parts: words tickets rings lanes sharing states room idling agents offers choosing seeking searching matching ending turning widening.

-- An agent whose heartbeat stopped.
local function vanish(id)
  local a = agent_of(id)
  if a.state == "offered" then
    return_and_go_away(id, a, "vanished")
  elseif a.state == "idle" then
    go_away(id, a, "vanished")
  elseif a.state == "away" then
    forget(id, a, "vanished")
  else
    call("ZREM", K .. "presence", id)
    if not a.state then return end
    a.lost = "1"
    call("HSET", K .. "agent:" .. id, "lost", 1)
    make_room(id, a)
    if a.offer then return_beside(id, a, "vanished") end
    tell_state("agent.lost", id, a)
  end
end

local function end_shift(id)
  call("ZREM", K .. "shifts", id)
  local a = agent_of(id)
  if a.state then leave_work(id, a, "end_of_shift") end
end

-- An offer nobody took. Others come first; the agent who missed it is free again, or away after too many.
local function miss(ticket)
  local t = hash(K .. "ticket:" .. ticket)
  local id = t.agent
  local a = agent_of(id)
  local misses = call("HINCRBY", K .. "agent:" .. id, "misses", 1)
  a.misses = misses
  announce("offer.missed", ticket, id, t.offer, tonumber(t.epoch), {misses = misses, lane = t.lane})
  if a.calls then
    if misses >= RULES.misses then wish(id, a, "missed") end
    give_back(ticket, t, "missed")
    drop_claim(a)
    match_lane(t.lane)
    silence(id, a, "again")
    return seek(id)
  end
  if misses >= RULES.misses then return return_and_go_away(id, a, "missed") end
  give_back(ticket, t, "missed")
  drop_claim(a)
  match_lane(t.lane)
  move(id, a, "idle", "missed", "again")
  tell_state("agent.available", id, a)
  seek(id)
end

local function forgive(id)
  call("ZREM", K .. "passes", id)
  call("HDEL", K .. "agent:" .. id, "passed", "passed_lane", "passed_until")
  seek(id)
end

-- Who waits for everybody from now on stands in the lanes before anybody is offered anything.
local woken = {}

local function end_hold(ticket)
  local t = hash(K .. "ticket:" .. ticket)
  ready(ticket, t)
  woken[#woken + 1] = {ticket, t.lane}
end

local function wake()
  for _, one in ipairs(woken) do
    if call("HGET", K .. "ticket:" .. one[1], "state") == "waiting" then match(one[1], one[2]) end
  end
  woken = {}
end

-- A citizen who did not come back in time.
local function expire(ticket)
  local t = hash(K .. "ticket:" .. ticket)
  if t.state == "offered" then withdraw(ticket, t, "expired") end
  end_ticket(ticket)
  announce("ticket.expired", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane})
  if t.state == "offered" then seek(t.agent) end
end

local done = 0
for _, step in ipairs({{"held", end_hold}, {"prefers", share}, {"presence", vanish}, {"shifts", end_shift},
    {"offers", miss}, {"passes", forgive}, {"grace", expire}, {"widen", widen}, {"shunned", look_again}}) do
  done = done + carry_out(step[1], step[2])
  if step[1] == "prefers" then wake() end
end
return done
