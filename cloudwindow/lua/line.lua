-- What the scripts of the line share; it stands in front of each of them and changes nothing by itself.
-- A name after "RULES." stands for a figure (ms, counts) or a word: districts "A,B", borders ";A=B,C;;B=A;". Where a
-- script says "Parts: rings lanes." the text of those files stands in its place, without comments and without
-- functions that nothing names. Each function that is passed over is made anew at every call: what is rarely
-- reached has its parts inside its own block.
-- KEYS[1] is the prefix, a hash tag: every key below begins with it and lies in one slot. ARGV[1] is now (ms).
--
--   ticket:<ticket>       hash    lane score joined state epoch; if so: credit priority preferred prefer_until
--                                 not_before callback passed_by reserved detached; offered or serving: agent offer told
--   lane:<lane>           zset    waiting ticket -> score (ms: joined less credit, fixed for life)
--   own:<home>            zset    lane -> score of its head, what the district's own agents read
--   skill:<skill>         zset    lane -> instant from which any other district may serve its head; a lane that
--                                 needs two skills stands under both, one that never leaves its district under none
--   heads                 zset    skill -> the first such instant
--   waiting, staff        hash    lane -> tickets waiting; "<district>|<state>" -> agents (the board's counters)
--   mine:<agent>          zset    ticket that waits for this agent alone -> score
--   reserved:<lane>       zset    ticket of the lane that waits for one agent alone -> score
--   shuns:<agent>         set     tickets this agent has passed on
--   shunned               zset    lane with such a ticket that a free agent was not offered -> when to look again:
--                                 never, until somebody leaves work
--   manned                hash    "<home>|<skill>|<language>|<mode>" -> "101": own, lenders, neighbours at work
--   rings                 set     the ring words of all lanes there have been
--   combinations          set     the "CA+HR" of all lanes there have been
--   lends, lenders        hash    district -> districts it lends agents to; home -> districts that lend to it
--   widen                 zset    lane -> instant at which to look at it again (ms)
--   offers, grace, held, prefers  zset  ticket -> deadline (ms) of its offer, of its citizen's absence,
--                                 of its being held, of its waiting for one agent
--   presence, passes, shifts  zset  agent -> end of lease, of the pass on a declined ticket, of the shift (ms)
--   agent:<agent>         hash    district skills languages modes serves capacity pull; state since reason free_from;
--                                 ticket offer (what rings); calls (ticket>state>accepted ms>skill>weight, ...);
--                                 leaving; lost; pool; passed passed_lane passed_until ...
--   profiles              hash    agent -> ",skill,skill,|languages|modes|serves", as a match reads it
--   agents                set     everybody signed in
--   idle                  zset    agent who holds nothing and may be offered anything -> free since (ms)
--   pools:<district>      hash    "CA,HR", the skills of a pool -> agents signed in with exactly these
--   pools:<district>|<skill> set  the skills of those pools that have this one
--   pool:<district>|<skills> zset the idle of a pool -> free since (ms)
--   idle:<district>|<skill>  zset the idle who are in no pool, by each of their skills
--   room, room:<district> zset    agent with calls and room for another -> load * 1e13 + free since (ms)
--   duty                  hash    "<district>|<skill>|<language>|<mode>" -> agents at work who help every district;
--                                 "<district>><home>|..." -> those who help only some
--   handling              hash    "<skill>|n", "|t", "|s" -> cases, seconds, squared seconds
--   ended:<ticket>        string  left within the last minute: a late rebuild must not bring it back
--   nodes                 zset    web node -> end of its lease (ms)
--   pages:<node>          set     tickets with a page open on that node
--   announcements         stream  kind at ticket agent offer epoch extra(json)
--   generation            string  missing when Redis was emptied
local call = redis.call
local K = KEYS[1] .. ":"
local now = tonumber(ARGV[1])
local duty, set_free, refresh_head -- moving an agent to or from work needs the parts rings and lanes

local function announce(kind, ticket, agent, offer, epoch, extra)
  if type(extra) == "table" then extra = cjson.encode(extra) end
  call("XADD", K .. "announcements", "MAXLEN", "~", RULES.stream, "*", "kind", kind, "at", ARGV[1],
    "ticket", ticket or "", "agent", agent or "", "offer", offer or "", "epoch", epoch or 0, "extra", extra or "")
end

local function hash(key)
  local flat, found = call("HGETALL", key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- Some fields of a hash by their names; an empty one is none.
local function fields(key, ...)
  local names, found = {...}, {}
  for i, value in ipairs(call("HMGET", key, ...)) do found[names[i]] = value ~= "" and value or nil end
  return found
end

-- An agent, by the names of their hash: for whom nothing rings has no ticket and offer, who holds nothing no calls.
local function agent_of(id)
  local a = call("HMGET", K .. "agent:" .. id, "state", "district", "skills", "languages", "modes", "serves", "capacity",
    "pool", "pull", "since", "reason", "free_from", "free_spent", "ticket", "offer", "calls", "misses", "finished",
    "leaving", "lost", "left_for", "passed", "passed_lane", "passed_until")
  local ticket, calls = a[14] ~= "" and a[14] or nil, a[16] ~= "" and a[16] or nil
  return {state = a[1] or nil, district = a[2] or nil, skills = a[3] or nil, languages = a[4] or nil,
    modes = a[5] or nil, serves = a[6] or nil, capacity = a[7] or nil, pool = a[8] or nil, pull = a[9] or nil,
    since = a[10] or nil, reason = a[11] or nil, free_from = a[12] or nil, free_spent = a[13] or nil, ticket = ticket,
    offer = ticket and a[15] or nil, calls = calls, misses = a[17] or nil, finished = a[18] or nil,
    leaving = a[19] or nil, lost = a[20] or nil, left_for = a[21] or nil, passed = a[22] or nil,
    passed_lane = a[23] or nil, passed_until = a[24] or nil}
end
