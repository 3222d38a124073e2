-- Windows by the clock: they close when it passes, and with the end of the input.
CREATE TABLE clicks (u STRING, n INT, pt AS PROCTIME()) WITH ('connector' = 'test');
-- input clicks
--   ann | 1
--   @ 00:00:03
--   ann | 2
--   bob | 4
--   @ 00:00:06
--   ann | 8
--   @ 00:00:20
--   bob | 16
SELECT u, window_start, window_end, SUM(n) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(pt), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect live
--   ann | 00:00:00 | 00:00:05 | 3
--   bob | 00:00:00 | 00:00:05 | 4
--   ann | 00:00:05 | 00:00:10 | 8
-- expect
--   bob | 00:00:20 | 00:00:25 | 16
SELECT u, window_start, window_end, SUM(n) FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(pt), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect live
--   ann | 00:00:00 | 00:00:11 | 11
--   bob | 00:00:03 | 00:00:08 | 4
-- expect
--   bob | 00:00:20 | 00:00:25 | 16
SELECT n FROM clicks ORDER BY pt;
-- expect
--   1
--   2
--   4
--   8
--   16
SET 'table.local-time-zone' = '+02:00';
SELECT u, window_start, SUM(n) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(pt), INTERVAL '1' HOUR)) GROUP BY u, window_start, window_end;
-- expect
--   ann | 02:00:00 | 11
--   bob | 02:00:00 | 20
