-- What seeking and matching share.

-- Whether a pass on a declined ticket still holds: by its time, whether or not a tick has forgiven it yet.
local function passes(ends)
  return ends and now < tonumber(ends)
end

local function others(seen, field, chosen)
  local found = {}
  for _, one in ipairs(seen) do
    if one[field] ~= chosen and #found < 5 then found[#found + 1] = one end
  end
  return found[1] and found or nil
end
