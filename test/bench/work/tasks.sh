# Everyday tasks, one function each; run by run.sh in the user space of work.ts, in /work. Each writes what it computed to standard
# output, where run.sh makes a checksum of it, so a task prints nothing that differs between machines.
# Data: text (words), table.csv, records.json, source.c (see data.ts).

# ---- interpreters ----
python_nbody() { python3 programs/nbody.py 9000; }
python_json_re() { python3 programs/json_re.py 1; }
python_objects() { python3 programs/objects.py 14000; }
python_integers() { python3 programs/integers.py 1600; }
python_start() { for n in 1 2 3; do python3 -c "import json, re, subprocess; print($n, json.dumps({'a': 1}))"; done; }
perl_words() { perl programs/words.pl <text; }
perl_numbers() { perl -e 'my ($s, %h) = (1); for my $i (1..450000) { $s = ($s * 1103515245 + 12345) % 2147483648; $h{$s % 1000} += $i; } print "$s $h{7}\n"'; }
lua_tables() { lua5.4 programs/tables.lua 6; }
gawk_sums() { gawk -F, '{ s[$2] += $3; n[$2]++ } END { m = asorti(s, k); for (i = 1; i <= m; i++) printf "%s %.3f %d\n", k[i], s[k[i]], n[k[i]] }' table.csv table.csv; }
bc_pi() { echo 'scale=700; 4*a(1)' | bc -l; }
bash_loop() { local i s=0; for ((i = 0; i < 40000; i++)); do ((s = (s * 31 + i) % 1000003)); done; echo "$s"; }
dash_loop() { dash -c 'i=0; s=0; while [ $i -lt 45000 ]; do i=$((i + 1)); s=$(((s * 31 + i) % 1000003)); done; echo $s'; }
jq_query() { jq -c '[.[] | select(.value > 500) | {id, n: (.name | length), t: (.tags | join("-"))}] | sort_by(.t)' records.json; }

# ---- compilers ----
gcc_O2() { gcc -O2 -DFUNCTIONS=6 -S -o - source.c; }
gcc_O0_files() { for n in 1 2; do gcc -O0 -DFUNCTIONS="$((n * 8))" -S -o - source.c; done; }
assemble_link() { for n in 1; do gcc -O1 -c -o o.o small.c && gcc -o program o.o && ./program; done; }
m4_expand() { m4 programs/expand.m4; }
make_graph() { make -s -f programs/graph.mk N=12; }

# ---- databases ----
sqlite_insert() { rm -f d.db; sqlite3 d.db <programs/insert.sql; }
sqlite_query() { sqlite3 :memory: <programs/query.sql; }

# ---- compression ----
gzip_text() { gzip -6 -n -c text text; }
gunzip_text() { for n in 1 2 3 4 5 6 7 8; do gunzip -c text.gz; done; }
bzip2_text() { head -c 2500000 text | bzip2 -c; }
xz_text() { head -c 900000 text | xz -T1 -6 -c; }
unxz_text() { for n in 1 2 3 4 5; do xz -dc text.xz; done; }
zstd_text() { cat text text text | zstd -q -3 -T1 -c --single-thread; }

# ---- text ----
sort_text() { tr ' ' '\n' <table.csv | LC_ALL=C sort -t, -k2; }
uniq_pipe() { tr -cs a-z '\n' <table.csv | LC_ALL=C sort | uniq -c | LC_ALL=C sort -rn; }
grep_regex() { grep -E -c '([a-z])[a-z]*\1 .*(er|ing|on) x' text; }
sed_text() { head -c 1200000 text | sed -E 's/([a-z]+) ([a-z]+)/\2-\1/g; s/[aeiou]{2}/_/g'; }
diff_text() { diff text text.changed || true; }

# ---- digests and ciphers ----
sha256_text() { cat text text text text text text | sha256sum; }
sha512_openssl() { cat text text text text text text text text text text text text | openssl dgst -sha512; }
aes_cbc() { cat text text text text text text text text | openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 0102030405060708090a0b0c0d0e0f10 -nosalt; }
md5_text() { cat text text text text text text text text text text text text | md5sum; }

# ---- processes and the kernel ----
fork_exec() { local n; for ((n = 0; n < 60; n++)); do /bin/true; done; echo "$n"; }
fork_16MiB() { programs/kernel fork; }
pipe_words() { programs/kernel pipe; }
mprotect_pages() { programs/kernel mprotect; }
map_pages() { programs/kernel map; }
signals() { programs/kernel signals; }
threads() { programs/kernel threads; }
shell_pipes() { for n in $(seq 16); do echo "$n alpha beta" | cut -d' ' -f2 | tr a-z A-Z | cat; done; }
files() { mkdir -p f; for n in $(seq 6); do (cd f; seq 300 | split -l 1 -a 3 - part; cat part* ; rm -f part*); done; }
find_stat() { for n in $(seq 6); do find /usr -type f -name '*.[ho]' -size +1k | LC_ALL=C sort | tail -n 3; done; }
copy_tree() { rm -rf t; cp -r /usr/include t; tar -C t -cf t.tar --sort=name --owner=0 --group=0 --mtime=@0 --mode=644 .; tar -tf t.tar | wc -l; }

# ---- compiled programs ----
indirect_calls() { programs/compute indirect; }
virtual_machine() { programs/compute machine; }
quick_sort() { programs/compute sort; }
hash_table() { programs/compute hash; }
mandelbrot() { programs/compute mandelbrot; }
matrix() { programs/compute matrix; }
binary_trees() { programs/compute trees; }
