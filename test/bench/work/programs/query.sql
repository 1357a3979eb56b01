create table t (id integer primary key, k integer, g text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
insert into t select i, (i * 7919) % 1009, 'g' || (i % 37) from n;
select g, count(*), sum(k), avg(k) from t group by g order by g;
select a.g, count(*) from t a join t b on b.id = a.k where b.g like 'g1%' group by a.g order by 2 desc, 1 limit 10;
select sum(length(g || k)), max(substr(g, 2) * k) from t where k between 100 and 700;
