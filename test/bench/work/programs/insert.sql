pragma journal_mode = wal;
pragma synchronous = off;
create table t (id integer primary key, k integer, name text);
create index by_k on t (k);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 45000)
insert into t select i, (i * 7919) % 100003, printf('name-%d', i * 31 % 977) from n;
commit;
update t set name = name || '!' where k % 3 = 0;
delete from t where k % 7 = 0;
select count(*), sum(k), max(name) from t;
