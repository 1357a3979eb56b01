import sys

G = [(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.47), (4.84, -1.16, -0.10, 0.606, 2.81, -0.02, 0.037),
     (8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011), (12.89, -15.11, -0.22, 1.08, 0.868, -0.01, 0.0017),
     (15.37, -25.9, 0.179, 0.979, 0.594, -0.034, 0.002)]
bodies = [list(b) for b in G]
pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
for _ in range(int(sys.argv[1])):
    for a, b in pairs:
        dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
        d = 0.001 / ((dx * dx + dy * dy + dz * dz) ** 1.5)
        ma, mb = a[6] * d, b[6] * d
        a[3] -= dx * mb
        a[4] -= dy * mb
        a[5] -= dz * mb
        b[3] += dx * ma
        b[4] += dy * ma
        b[5] += dz * ma
    for b in bodies:
        b[0] += 0.001 * b[3]
        b[1] += 0.001 * b[4]
        b[2] += 0.001 * b[5]
print(*(f"{x:.9f}" for b in bodies for x in b))
