-- ORDER BY event time: rows come as the watermark passes; a late one is dropped.
CREATE TABLE events (ts TIMESTAMP(3), k INT, s STRING, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'test');
-- input events
--   00:00:03 | 1 | c
--   00:00:02 | 2 | b
--   00:00:02 | 1 | a
--   00:00:06 | 1 | d
--   00:00:01 | 9 | late
--   00:00:05 | 1 | e
SELECT s FROM events ORDER BY ts, k DESC;
-- expect plan: TemporalSort([$o0 ASC, $o1 DESC])
-- expect live
--   a
--   b
--   c
-- expect
--   d
--   e
-- expect late
--   late
SELECT ts, s FROM events ORDER BY ts LIMIT 2;
-- expect
--   00:00:02 | b
--   00:00:02 | a
SELECT s FROM events ORDER BY s;
-- expect error: ORDER BY on a stream must begin with a time attribute, ascending
SELECT s FROM events ORDER BY ts DESC;
-- expect error: ORDER BY on a stream must begin with a time attribute, ascending
