-- missing(prefix; now ms, ticket...) -> those the line does not know
-- Keys: ticket:<ticket>. Changes nothing, announces nothing.
local found = {}
for i = 2, #ARGV do
  if call("EXISTS", K .. "ticket:" .. ARGV[i]) == 0 then found[#found + 1] = ARGV[i] end
end
return found
