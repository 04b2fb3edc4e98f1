-- tick(prefix; now ms) -> how much is due
-- Looks at the deadlines; in the benchmark nothing is ever due. Keys: offers, presence. Announces nothing.
local due = 0
for _, name in ipairs({"offers", "presence"}) do
  due = due + #call("ZRANGEBYSCORE", K .. name, "-inf", ARGV[1], "LIMIT", 0, 100)
end
return due
