-- HOP and CUMULATE share slices; results come out when each window ends.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:06 | a | 2
--   00:00:11 | b | 4
SELECT item, window_start, window_end, SUM(price)
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY item, window_start, window_end;
-- expect live
--   a | 2019-12-31 23:59:55 | 00:00:05 | 1
--   a | 00:00:00 | 00:00:10 | 3
-- expect
--   a | 00:00:05 | 00:00:15 | 2
--   b | 00:00:05 | 00:00:15 | 4
--   b | 00:00:10 | 00:00:20 | 4
SELECT window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(CUMULATE(DATA => TABLE bids, TIMECOL => DESCRIPTOR(ts), STEP => INTERVAL '5' SECOND, SIZE => INTERVAL '15' SECOND))
GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 00:00:05 | 1 | 1
--   00:00:00 | 00:00:10 | 2 | 2
-- expect
--   00:00:00 | 00:00:15 | 3 | 4
