-- lend(prefix; now ms, (home, lenders)...) -> 1
-- All lendings in force: homes not named have no lenders. Lists are joined by commas and sorted.
-- Keys: lends, lenders, manned, rings, widen. Announces line.lending when something changed.
-- Parts: words tickets rings lanes duties.
local wanted, changed = {}, {}
for i = 2, #ARGV, 2 do wanted[ARGV[i]] = ARGV[i + 1] end
for home in each(RULES.districts) do
  if (lenders_of(home) or "") ~= (wanted[home] or "") then changed[#changed + 1] = home end
end
if #changed == 0 then return 1 end
call("DEL", K .. "lends", K .. "lenders")
local lends = {}
for home, lenders in pairs(wanted) do
  call("HSET", K .. "lenders", home, lenders)
  for lender in each(lenders) do lends[lender] = (lends[lender] and lends[lender] .. "," or "") .. home end
end
for lender, homes in pairs(lends) do call("HSET", K .. "lends", lender, homes) end
look_at_shunned()
local keys = call("HKEYS", K .. "manned")
for _, home in ipairs(changed) do
  for _, key in ipairs(keys) do
    local rest = string.match(key, "^" .. home .. "(|.+)$")
    if rest then rings_changed(home, rest) end
  end
end
announce("line.lending", nil, nil, nil, nil, wanted)
return 1
