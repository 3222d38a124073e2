-- Every row comes out at once with its session's start, position and running duration.
CREATE TABLE log (ts TIMESTAMP(3), ip STRING, WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE) WITH ('connector' = 'test');
-- input log
--   00:00:00 | x
--   00:01:00 | x
--   00:00:30 | x
--   00:10:00 | y
--   00:07:00 | x
SELECT ip, ts, session_start, session_position, session_duration
FROM TABLE(SESSIONIZE(DATA => TABLE log PARTITION BY ip, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '5' MINUTE));
-- expect live
--   x | 00:00:00 | 00:00:00 | 1 | 0
--   x | 00:01:00 | 00:00:00 | 2 | 60000
--   x | 00:00:30 | 00:00:00 | 3 | 60000
--   y | 00:10:00 | 00:10:00 | 1 | 0
--   x | 00:07:00 | 00:07:00 | 1 | 0
