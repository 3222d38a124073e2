-- Every type in columns, literals and results.
CREATE TABLE t (bo BOOLEAN, ti TINYINT, si SMALLINT, i INT, bi BIGINT, f FLOAT, d DOUBLE, de DECIMAL(10, 2),
  ch CHAR(3), vc VARCHAR(5), st STRING, dt DATE, tm TIME, ts TIMESTAMP(3), ts9 TIMESTAMP(9), lt TIMESTAMP_LTZ(3)) WITH ('connector' = 'test');
-- input t
--   true | 1 | 2 | 3 | 4 | 1.5 | 2.5 | 12.30 | abc | vwxyz | text | 2024-02-29 | 10:11:12 | 00:00:01 | 2020-01-01 00:00:00.123456789 | 2020-01-01 00:00:00
--   NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL
SELECT bo, ti, si, i, bi, f, d, de, ch, vc, st, dt, tm FROM t;
-- expect
--   TRUE | 1 | 2 | 3 | 4 | 1.5 | 2.5 | 12.30 | abc | vwxyz | text | 2024-02-29 | 10:11:12
--   NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL
SELECT CAST(ts AS STRING), CAST(ts9 AS STRING), CAST(lt AS STRING) FROM t WHERE bo;
-- expect
--   2020-01-01 00:00:01.000 | 2020-01-01 00:00:00.123456789 | 2020-01-01 00:00:00.000
SELECT TRUE, 1, 3000000000, 1.5, 1E1, 'it''s', x'41', DATE '2024-02-29', TIME '10:11:12', TIMESTAMP '2024-02-29 10:11:12.5', INTERVAL '1' DAY, INTERVAL '1-2' YEAR TO MONTH;
-- expect
--   TRUE | 1 | 3000000000 | 1.5 | 10.0 | it's | x'41' | 2024-02-29 | 10:11:12 | 2024-02-29 10:11:12.500 | 86400000 | 14
SELECT ARRAY[1, 2][1], MAP['a', 1]['a'], CARDINALITY(ARRAY[1, 2]), ARRAY[1, 2][5], MAP['a', 1]['b'];
-- expect
--   1 | 1 | 2 | NULL | NULL
SELECT r.a, r.b.c FROM (SELECT CAST(ROW(1, ROW('x')) AS ROW<a INT, b ROW<c STRING>>) AS r);
-- expect
--   1 | x
SELECT `i`, "i" FROM t;
-- expect error: names in `backquotes`
SELECT `st` AS `select`, t.i /* a comment */ FROM t -- and another
WHERE i IS NOT NULL;
-- expect
--   text | 3
SELECT CAST('x' AS INT);
-- expect error: 'x'
SELECT TRY_CAST('x' AS INT);
-- expect
--   NULL
-- Years beyond what most calendars know.
SELECT TIMESTAMP '1970-01-01 00:00:00' + INTERVAL '11574074074' DAY(11), TIMESTAMP '1970-01-01 00:00:00' - INTERVAL '11574074074' DAY(11);
-- expect
--   31690708-07-05 00:00:00.000 | -31686769-06-30 00:00:00.000
