-- Turns of fate: citizens who come back, offers that end, agents who come and go.
-- Needs room, tickets, rings, lanes, agents, offers, choosing, seeking, matching.

-- A ticket has come to wait: to its old agent if that one is free, else to whoever may serve its lane.
local function match(ticket, lane)
  local reserved = call("HGET", K .. "ticket:" .. ticket, "reserved")
  if reserved then seek(reserved) else match_lane(lane) end
end

-- The citizen is there again, or need not be: the ticket takes its old place.
local function come_back(ticket, t)
  call("HDEL", K .. "ticket:" .. ticket, "detached")
  call("ZREM", K .. "grace", ticket)
  announce("ticket.attached", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, score = t.score})
  if t.state ~= "detached" then return end
  call("HSET", K .. "ticket:" .. ticket, "state", "waiting")
  push(ticket, t)
  match(ticket, t.lane)
end

-- The promised time has come: the ticket waits at its old place; match it afterwards.
local function ready(ticket, t)
  call("ZREM", K .. "held", ticket)
  call("HDEL", K .. "ticket:" .. ticket, "not_before")
  call("HSET", K .. "ticket:" .. ticket, "state", "waiting")
  announce("ticket.ready", ticket, nil, nil, tonumber(t.epoch), {lane = t.lane, score = t.score})
  push(ticket, t)
end

-- What rings beside the calls of an agent returns and is offered to others at once.
local function return_beside(id, a, reason)
  local ticket = a.ticket
  local t = hash(K .. "ticket:" .. ticket)
  give_back(ticket, t, reason)
  silence(id, a)
  match_lane(t.lane)
end

-- The agent cannot take the ticket and goes away: it returns and is offered to others at once.
local function return_and_go_away(id, a, reason)
  local ticket = a.ticket
  local t = hash(K .. "ticket:" .. ticket)
  drop_claim(a)
  go_away(id, a, reason)
  give_back(ticket, t, reason)
  match_lane(t.lane)
end

-- The ticket is going: its agent stops ringing and keeps their turn. Seek for the agent afterwards.
local function withdraw(ticket, t, reason)
  local a = agent_of(t.agent)
  announce("offer.withdrawn", ticket, t.agent, t.offer, tonumber(t.epoch), {reason = reason, lane = t.lane})
  if a.calls then return silence(t.agent, a) end
  drop_claim(a)
  move(t.agent, a, "idle", "withdrawn")
  tell_state("agent.available", t.agent, a)
end

-- Who asks for work is free, also if they were away, or has room beside their calls; false when they are busy.
local function arrive_free(id, a)
  be_back(id, a)
  if has_room(a, true) then return true end
  if a.state ~= "idle" and a.state ~= "away" then return false end
  call("HDEL", K .. "agent:" .. id, "leaving", "left_for")
  call("ZADD", K .. "presence", now + RULES.lease, id)
  if a.state == "away" then
    a.misses = 0
    move(id, a, "idle")
    tell_state("agent.available", id, a)
  end
  return true
end

-- No more offers: away at once, or after the call and its wrap-up.
local function leave_work(id, a, reason)
  if a.state == "offered" then
    return_and_go_away(id, a, reason)
  elseif a.state == "idle" then
    go_away(id, a, reason)
  elseif a.state ~= "away" and a.leaving ~= reason then
    a.leaving = nil
    wish(id, a, reason)
    make_room(id, a)
    if a.offer then return_beside(id, a, reason) end
  end
end

local function forget(id, a, reason)
  a.calls = nil
  move(id, a, "offline")
  leave_pool(a)
  call("DEL", K .. "agent:" .. id, K .. "mine:" .. id)
  call("HDEL", K .. "profiles", id)
  call("SREM", K .. "agents", id)
  call("ZREM", K .. "presence", id)
  call("ZREM", K .. "passes", id)
  call("ZREM", K .. "shifts", id)
  announce("agent.signed_out", nil, id, nil, nil, {reason = reason, district = a.district})
end
