import hashlib
import sys

sys.set_int_max_str_digits(0)

n = int(sys.argv[1])
a = 1
for i in range(1, n):
    a *= i
print(hashlib.sha256(str(a).encode()).hexdigest())
p = (1 << 1279) - 1
x = 3
for i in range(6):
    x = pow(x, p - 2 - i, p)
print(x % 10**40)
k = 7
for _ in range(200000):
    k = (k * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
print(k)
