local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local out = {}
for round = 1, tonumber(arg[1]) do
  local t = {}
  for i = 1, 60000 do t[i] = (i * 7919 + round) % 10007 end
  table.sort(t)
  local s = {}
  for i = 1, 3000 do s[#s + 1] = string.format("%d:%s", t[i * 20], string.rep("x", i % 7)) end
  local joined = table.concat(s, ",")
  local n = 0
  for k, v in joined:gmatch("(%d+):(x*)") do n = n + tonumber(k) + #v end
  out[#out + 1] = n
end
print(fib(25), table.concat(out, " "))
