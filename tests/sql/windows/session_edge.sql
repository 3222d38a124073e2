-- A row exactly a gap behind the last one belongs to its session while that is open; it opens the next
-- one when the watermark stood just at the end, whatever the batches.
CREATE TABLE open_yet (ts TIMESTAMP(3), k INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'test');
-- input open_yet
--   00:00:00 | 1
--   00:00:10 | 1
SELECT window_start, window_end, COUNT(*)
FROM TABLE(SESSION(TABLE open_yet PARTITION BY k, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect
--   00:00:00 | 00:00:20 | 2
CREATE TABLE closed (ts TIMESTAMP(3), k INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input closed
--   00:00:00 | 1
--   00:00:09.999 | 2
--   00:00:10 | 1
SELECT k, window_start, window_end, COUNT(*)
FROM TABLE(SESSION(TABLE closed PARTITION BY k, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   1 | 00:00:00 | 00:00:10 | 1
-- expect
--   1 | 00:00:10 | 00:00:20 | 1
--   2 | 00:00:09.999 | 00:00:19.999 | 1
