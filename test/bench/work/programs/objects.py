import sys


class Node:
    def __init__(self, key, left=None, right=None):
        self.key, self.left, self.right = key, left, right

    def insert(self, key):
        side = "left" if key < self.key else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(key))
        else:
            child.insert(key)

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.key
        if self.right:
            yield from self.right


seed, root, seen = 1, Node(1 << 30), {}
for i in range(int(sys.argv[1]) // 8):
    seed = (seed * 1103515245 + 12345) % (1 << 31)
    root.insert(seed)
    seen[str(seed % 5000)] = seen.get(str(seed % 5000), ()) + (i,)
keys = list(root)
words = sorted((len(v), k) for k, v in seen.items())
print(len(keys), keys[:5], words[-5:], sum(map(len, seen.values())))
