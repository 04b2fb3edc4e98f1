-- place_room(room string, prefix of worker strings; proposed worker, lifetime s) -> the worker the room lives on
-- The first proposal stands for as long as that worker is alive; then the next one takes its place.
-- Announces nothing.
local placed = redis.call("GET", KEYS[1])
if placed and redis.call("EXISTS", KEYS[2] .. placed) == 1 then
  redis.call("EXPIRE", KEYS[1], ARGV[2])
  return placed
end
redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[2])
return ARGV[1]
