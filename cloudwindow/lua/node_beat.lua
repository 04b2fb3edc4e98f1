-- node_beat(prefix; now ms, node, lease ms, held, ticket...) -> 1
-- The node lives. Of the tickets the first ``held`` have a page there from now on, the others no more.
-- Keys: nodes (zset node -> end of its lease, ms), pages:<node> (set of tickets). Announces nothing.
local node, held, mine = ARGV[2], tonumber(ARGV[4]), K .. "pages:" .. ARGV[2]
call("ZADD", K .. "nodes", now + tonumber(ARGV[3]), node)
for i = 5, #ARGV do
  call(i < 5 + held and "SADD" or "SREM", mine, ARGV[i])
end
return 1
