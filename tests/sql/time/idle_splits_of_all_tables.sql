-- The time after which idle splits let go is set for all tables; a table's own comes first.
SET 'table.exec.source.idle-timeout' = '10 s';
CREATE TABLE clicks (ts TIMESTAMP(3), u STRING, n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test', 'unbounded' = 'true');
-- input clicks
--   split busy
--   00:00:01 | ann | 1
--   @ 00:00:05
--   00:00:12 | ann | 4
--   @ 00:01:00
--   00:00:22 | ann | 8
--   split quiet
--   00:00:02 | bob | 32
--   @ 00:00:05
--   @ 00:01:00
SELECT u, window_start, SUM(n) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect live
--   ann | 00:00:00 | 1
--   bob | 00:00:00 | 32
--   ann | 00:00:10 | 4
-- expect
--   ann | 00:00:20 | 8
