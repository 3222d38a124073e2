-- A row older than the watermark is dropped.
CREATE TABLE bids (ts TIMESTAMP(3), price INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | 5
--   00:00:12 | 7
--   00:00:02 | 9
SELECT window_end, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect live
--   00:00:10 | 5
-- expect
--   00:00:20 | 7
-- expect late
--   2020-01-01 00:00:02
