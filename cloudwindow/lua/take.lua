-- take(bucket hash; now ms, tokens per minute, burst) -> ms to wait before the next try | 0 go on
-- A token bucket: full at first, refilled evenly, one token each time. Announces nothing.
local now, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]) / 60000, tonumber(ARGV[3])
local kept = redis.call("HMGET", KEYS[1], "tokens", "at")
local at = tonumber(kept[2] or now)
local tokens = math.min(burst, tonumber(kept[1] or burst) + math.max(0, now - at) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / rate) end
redis.call("HSET", KEYS[1], "tokens", tokens, "at", math.max(now, at))
redis.call("PEXPIRE", KEYS[1], math.ceil(burst / rate) + 1000)
return wait
