-- Sessions end a gap after their last row; a disordered row bridges two; a late one is dropped.
CREATE TABLE clicks (ts TIMESTAMP(3), user_id STRING, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'test');
-- input clicks
--   00:00:00 | ann
--   00:00:01 | bob
--   00:00:12 | ann
--   00:00:08 | ann
--   00:00:30 | bob
--   00:00:40 | bob
--   00:00:02 | ann
SELECT user_id, window_start, window_end, COUNT(*), MIN(ts), MAX(ts)
FROM TABLE(SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY user_id, window_start, window_end;
-- expect live
--   ann | 00:00:00 | 00:00:22 | 3 | 00:00:00 | 00:00:12
--   bob | 00:00:01 | 00:00:11 | 1 | 00:00:01 | 00:00:01
-- expect
--   bob | 00:00:30 | 00:00:50 | 2 | 00:00:30 | 00:00:40
-- expect late
--   2020-01-01 00:00:02
