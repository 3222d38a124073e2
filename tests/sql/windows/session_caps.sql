-- Sessions cut by length and by number of rows, greedily in the order of time.
CREATE TABLE clicks (ts TIMESTAMP(3), k INT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'test');
-- input clicks
--   00:00:00 | 1
--   00:00:08 | 1
--   00:00:04 | 1
--   00:00:12 | 1
--   00:00:16 | 1
--   00:02:00 | 1
SELECT window_start, COUNT(*), MAX(ts)
FROM TABLE(SESSION(DATA => TABLE clicks PARTITION BY k, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '10' SECOND, MAX_EVENTS => 2))
GROUP BY k, window_start, window_end;
-- expect live
--   00:00:00 | 2 | 00:00:04
--   00:00:08 | 2 | 00:00:12
--   00:00:16 | 1 | 00:00:16
-- expect
--   00:02:00 | 1 | 00:02:00
SELECT window_start, COUNT(*)
FROM TABLE(SESSION(DATA => TABLE clicks PARTITION BY k, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '10' SECOND, MAX_DURATION => INTERVAL '8' SECOND))
GROUP BY k, window_start, window_end;
-- expect live
--   00:00:00 | 3
--   00:00:12 | 2
-- expect
--   00:02:00 | 1
