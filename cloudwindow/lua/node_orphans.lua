-- node_orphans(prefix; now ms, node or "", ticket...) -> {node, ticket...} | {} nothing is left behind
-- First takes the tickets off a dead node's list: they were looked after, or have a page on a living node.
-- Then some that a dead node has left behind, at most 100; a dead node with an empty list is forgotten.
-- Keys: nodes, pages:<node>. Announces nothing.
for i = 3, #ARGV do call("SREM", K .. "pages:" .. ARGV[2], ARGV[i]) end
local living = call("ZRANGEBYSCORE", K .. "nodes", "(" .. ARGV[1], "+inf")
for _, node in ipairs(call("ZRANGEBYSCORE", K .. "nodes", "-inf", ARGV[1])) do
  local found = {node}
  for _, ticket in ipairs(call("SRANDMEMBER", K .. "pages:" .. node, 100)) do
    local elsewhere = false
    for _, other in ipairs(living) do
      elsewhere = elsewhere or call("SISMEMBER", K .. "pages:" .. other, ticket) == 1
    end
    if elsewhere then call("SREM", K .. "pages:" .. node, ticket) else found[#found + 1] = ticket end
  end
  if #found > 1 then return found end
  if call("EXISTS", K .. "pages:" .. node) == 0 then call("ZREM", K .. "nodes", node) end
end
return {}
