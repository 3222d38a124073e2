-- Watermarks are any expression; they never go back, and NULL leaves them where they are.
CREATE TABLE marked (ts TIMESTAMP(3), mark INT, n INT, WATERMARK FOR ts AS CASE WHEN mark = 1 THEN ts END) WITH ('connector' = 'test');
-- input marked
--   00:00:12 | 0 | 1
--   00:00:04 | 1 | 2
--   00:00:08 | 0 | 4
--   00:00:10 | 1 | 8
--   00:00:03 | 1 | 16
SELECT window_start, SUM(n) FROM TABLE(TUMBLE(TABLE marked, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 2
--   00:00:05 | 4
-- expect
--   00:00:10 | 9
-- expect late
--   2020-01-01 00:00:03
-- Rows that a filter drops move the watermark all the same.
SELECT window_start, SUM(n) FROM TABLE(TUMBLE(TABLE marked, DESCRIPTOR(ts), INTERVAL '5' SECOND)) WHERE n < 8 GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 2
--   00:00:05 | 4
-- expect
--   00:00:10 | 1
CREATE TABLE untimed (ts TIMESTAMP(3), n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input untimed
--   00:00:01 | 1
--   NULL | 2
--   00:00:02 | 4
SELECT n FROM untimed;
-- expect
--   1
--   4
CREATE TABLE badly (ts TIMESTAMP(3), WATERMARK FOR ts AS 5) WITH ('connector' = 'test');
-- expect error: a watermark must be a timestamp, found INT
