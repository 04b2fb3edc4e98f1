-- sign_in(prefix; now ms, agent, district, skills, languages, modes, serves) -> away
-- Keys: agent:<agent>, presence, staff. Announces agent.signed_in, agent.away.
local id = ARGV[2]
call("HSET", K .. "agent:" .. id, "district", ARGV[3], "skills", ARGV[4], "languages", ARGV[5], "modes", ARGV[6],
  "serves", ARGV[7])
call("ZADD", K .. "presence", now + RULES.lease, id)
call("HINCRBY", K .. "staff", ARGV[3] .. "|away", 1)
call("HSET", K .. "agent:" .. id, "state", "away", "since", ARGV[1], "reason", "signed_in")
announce("agent.signed_in", "", id, "", 0, cjson.encode({district = ARGV[3], skills = ARGV[4], languages = ARGV[5],
  modes = ARGV[6], serves = ARGV[7], state = "away"}))
tell_state("agent.away", "", id, "", ARGV[3], "signed_in", ARGV[1])
return "away"
