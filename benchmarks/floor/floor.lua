-- The floor under the line: what its scripts write for one call, without deciding who may serve whom.
-- One zset of waiting tickets, the oldest is next for whoever is free. RULES stands before it (ms, counts).
-- KEYS[1] is the prefix, ARGV[1] is now (ms). The keys mean what they mean in cloudwindow/lua/line.lua:
--
--   ticket:<ticket>, agent:<agent>  hash;  queue, idle, offers, presence  zset;  waiting, staff, handling  hash
--   ended:<ticket>  string;  announcements  stream
local call = redis.call
local K = KEYS[1] .. ":"
local now = tonumber(ARGV[1])

local function announce(kind, ticket, agent, offer, epoch, extra)
  call("XADD", K .. "announcements", "MAXLEN", "~", RULES.stream, "*", "kind", kind, "at", ARGV[1],
    "ticket", ticket, "agent", agent, "offer", offer, "epoch", epoch, "extra", extra)
end

local function move(id, district, before, state, reason, free_from)
  call("HINCRBY", K .. "staff", district .. "|" .. before, -1)
  call("HINCRBY", K .. "staff", district .. "|" .. state, 1)
  call("HSET", K .. "agent:" .. id, "state", state, "since", ARGV[1], "reason", reason, "free_from", free_from,
    "free_spent", 0)
end

local function tell_state(kind, ticket, id, offer, district, reason, free_from)
  announce(kind, ticket, id, offer, 0,
    cjson.encode({reason = reason, district = district, free_from_ms = tonumber(free_from)}))
end

-- The oldest ticket for the agent who has been free longest, if there are both.
local function pair()
  local free = call("ZRANGE", K .. "idle", 0, 0, "WITHSCORES")
  if not free[1] then return end
  local ticket = call("ZPOPMIN", K .. "queue")[1]
  if not ticket then return end
  local id, free_from = free[1], free[2]
  local key = K .. "ticket:" .. ticket
  local t = call("HMGET", key, "lane", "score", "joined")
  call("HINCRBY", K .. "waiting", t[1], -1)
  local epoch = call("HINCRBY", key, "epoch", 1)
  local name, expires = ticket .. "/" .. epoch, now + RULES.accept
  local told = cjson.encode({offer = name, ticket = ticket, agent = id, epoch = epoch, expires_ms = expires,
    ring = 0, lane = t[1], why = {rule = "longest_waiting", score_ms = tonumber(t[2]), opened_ms = 0,
    waited_ms = now - tonumber(t[3]), idle_ms = now - tonumber(free_from), credit_ms = 0, priority = ""}})
  call("HSET", key, "state", "offered", "agent", id, "offer", name, "expires", expires, "told", told)
  call("ZADD", K .. "offers", expires, ticket)
  call("ZREM", K .. "idle", id)
  move(id, call("HGET", K .. "agent:" .. id, "district"), "idle", "offered", "", free_from)
  call("HSET", K .. "agent:" .. id, "ticket", ticket, "offer", name)
  announce("offer.made", ticket, id, name, epoch, told)
end
