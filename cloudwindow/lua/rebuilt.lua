-- rebuilt(prefix; now ms, tickets put back) -> 1
-- Marks this Redis as holding the line. Keys: generation. Announces line.rebuilt, once per instant.
if call("GET", K .. "generation") == ARGV[1] then return 1 end
call("SET", K .. "generation", ARGV[1])
announce("line.rebuilt", nil, nil, nil, nil, {tickets = tonumber(ARGV[2])})
return 1
