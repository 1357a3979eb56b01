#!/bin/bash
# Runs the tasks whose names match the extended regular expression $1, in their order, each once; a line each: BENCH name seconds chk=checksum.
# A task that fails has no checksum: the run is void.
cd /work || exit 1
export LC_ALL=C TZ=UTC HOME=/work PYTHONHASHSEED=0 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
. /work/tasks.sh
set -o pipefail
for task in $(sed -nE 's/^([A-Za-z0-9_]+)\(\) .*/\1/p' /work/tasks.sh); do
  [[ $task =~ $1 ]] || continue
  start=$EPOCHREALTIME
  sum=$($task 2>&1 | sha256sum) || sum=failed
  end=$EPOCHREALTIME
  took=$((10#${end/./} - 10#${start/./}))
  printf 'BENCH %s %d.%06d chk=%s\n' "$task" $((took / 1000000)) $((took % 1000000)) "${sum:0:16}"
done
echo "GUEST-DONE"
