-- Late rows of windows that lie in the session's zone; a plain aggregate and HAVING above them.
CREATE TABLE bids (ts TIMESTAMP_LTZ(3), k STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   2020-01-01 21:00:00 | a | 1
--   2020-01-01 22:30:00 | a | 2
--   2020-01-01 21:59:00 | a | 4
--   2020-01-02 01:00:00 | b | 8
--   2020-01-01 21:30:00 | a | 16
SET 'table.local-time-zone' = 'Europe/Helsinki';
SET 'table.exec.emit.allow-lateness' = '2 h';
SELECT window_start, window_end, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
-- expect live
--   2020-01-01 00:00:00 | 2020-01-02 00:00:00 | 5
-- expect
--   2020-01-02 00:00:00 | 2020-01-03 00:00:00 | 10
SELECT k, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY k, window_start, window_end HAVING SUM(price) > 4;
-- expect
--   a | 5
--   b | 8
