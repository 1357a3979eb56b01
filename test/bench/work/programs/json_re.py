import json
import re
import sys

text = open("records.json").read()
word = re.compile(r"([a-z]+)(er|ing|on)\b")
total = 0
for _ in range(int(sys.argv[1])):
    records = json.loads(text)
    for r in records:
        total += len(word.findall(r["text"])) + len(r["tags"])
        r["text"] = word.sub(r"\2\1", r["text"])
    out = json.dumps(records, sort_keys=True)
    total += len(out)
print(total, hash(out[:1000]))
