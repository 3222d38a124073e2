-- Flink's switch for ORDER BY other than by time: rows come when the input has ended.
SET '__table.exec.sort.non-temporal.enabled__' = 'true';
CREATE TABLE t (k INT, s STRING) WITH ('connector' = 'test');
-- input t
--   2 | b
--   NULL | n
--   1 | a
--   2 | a
SELECT s FROM t ORDER BY k, s DESC LIMIT 3;
-- expect plan: Sort(
-- expect
--   n
--   a
--   b
SELECT k, COUNT(*) FROM t GROUP BY k ORDER BY 2 DESC, 1 LIMIT 1;
-- expect
--   2 | 2
SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) ORDER BY n;
-- expect
--   NULL | 1
--   1 | 1
--   2 | 2
