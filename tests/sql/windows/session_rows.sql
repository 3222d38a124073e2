-- SESSION without GROUP BY: rows with the window of their session, when it closes.
CREATE TABLE clicks (ts TIMESTAMP(3), u STRING, page STRING, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'test');
-- input clicks
--   00:00:01 | ann | x
--   00:00:05 | bob | x
--   00:00:04 | ann | y
--   00:00:20 | ann | z
--   00:00:02 | ann | late
SELECT u, page, window_start, window_end, window_time FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '5' SECOND));
-- expect plan: SessionAssign
-- expect live
--   ann | x | 00:00:01 | 00:00:09 | 00:00:08.999
--   ann | y | 00:00:01 | 00:00:09 | 00:00:08.999
--   bob | x | 00:00:05 | 00:00:10 | 00:00:09.999
-- expect
--   ann | z | 00:00:20 | 00:00:25 | 00:00:24.999
-- expect late
--   2020-01-01 00:00:02
-- Groups within the sessions of all users together.
SELECT page, window_start, window_end, COUNT(*) FROM TABLE(SESSION(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY page, window_start, window_end;
-- expect
--   x | 00:00:01 | 00:00:10 | 2
--   y | 00:00:01 | 00:00:10 | 1
--   z | 00:00:20 | 00:00:25 | 1
-- A condition above the sessions does not tear them apart.
SELECT u, window_start, window_end, COUNT(*) FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '5' SECOND)) WHERE page <> 'y' GROUP BY u, window_start, window_end;
-- expect
--   ann | 00:00:01 | 00:00:09 | 1
--   ann | 00:00:20 | 00:00:25 | 1
--   bob | 00:00:05 | 00:00:10 | 1
SELECT u FROM TABLE(SESSION(DATA => TABLE clicks PARTITION BY u, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '5' SECOND, MAX_EVENTS => 2));
-- expect error: SESSION with MAX_EVENTS or MAX_DURATION wants GROUP BY
