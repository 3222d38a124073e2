-- A late row opens a closed session again: its result is taken back until it closes; one that
-- bridges two closed sessions makes them one.
CREATE TABLE clicks (ts TIMESTAMP(3), u STRING, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input clicks
--   00:00:01 | ann
--   00:00:01 | bob
--   00:00:09 | bob
--   00:00:16 | cid
--   00:00:05 | bob
--   00:00:21 | cid
--   00:00:30 | ann
--   00:00:36 | eve
--   00:00:35 | ann
SET 'table.exec.emit.allow-lateness' = '30 s';
SELECT u, window_start, window_end, COUNT(*) FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect live
--   ann | 00:00:01 | 00:00:06 | 1
--   bob | 00:00:01 | 00:00:14 | 3
--   cid | 00:00:16 | 00:00:26 | 2
-- expect
--   ann | 00:00:30 | 00:00:40 | 2
--   eve | 00:00:36 | 00:00:41 | 1
-- expect late
