-- Windows over TIMESTAMP_LTZ lie in the session's time zone; days have 23 and 25 hours there.
CREATE TABLE events (ms BIGINT, n INT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- 2024-03-30T22:30Z, 2024-03-30T23:30Z (the 31st in Berlin), 2024-03-31T21:30Z, 2024-03-31T22:30Z
-- input events
--   1711837800000 | 1
--   1711841400000 | 2
--   1711920600000 | 4
--   1711924200000 | 8
SELECT window_start, window_end, SUM(n) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
-- expect live
--   2024-03-30 00:00:00 | 2024-03-31 00:00:00 | 3
-- expect
--   2024-03-31 00:00:00 | 2024-04-01 00:00:00 | 12
SET 'table.local-time-zone' = 'Europe/Berlin';
SELECT window_start, window_end, CAST(window_time AS STRING), SUM(n) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end, window_time;
-- expect live
--   2024-03-30 00:00:00 | 2024-03-31 00:00:00 | 2024-03-30 23:59:59.999 | 1
--   2024-03-31 00:00:00 | 2024-04-01 00:00:00 | 2024-03-31 23:59:59.999 | 6
-- expect
--   2024-04-01 00:00:00 | 2024-04-02 00:00:00 | 2024-04-01 23:59:59.999 | 8
SELECT n, window_start FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n = 2;
-- expect
--   2 | 2024-03-31 00:00:00
CREATE TABLE autumn (ms BIGINT, n INT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- 2024-10-27: 00:30Z and 01:30Z are both 02:30 in Berlin; 02:30Z is 03:30. The hour counts once.
-- input autumn
--   1729989000000 | 1
--   1729992600000 | 2
--   1729996200000 | 4
SELECT window_start, window_end, SUM(n) FROM TABLE(TUMBLE(TABLE autumn, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
-- expect live
--   2024-10-27 02:00:00 | 2024-10-27 03:00:00 | 3
-- expect
--   2024-10-27 03:00:00 | 2024-10-27 04:00:00 | 4
