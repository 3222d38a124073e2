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
SELECT COUNT(*) FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect error: line 1, column 28: HOP table function based aggregate requires size must be an integral multiple of slide, but got size 5000 ms and slide 2000 ms
SELECT COUNT(*) FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect error: CUMULATE table function based aggregate requires maxSize must be an integral multiple of step, but got maxSize 5000 ms and step 2000 ms
SELECT COUNT(*) FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(ts), INTERVAL '0.001' SECOND, INTERVAL '100000' SECOND(6))) GROUP BY window_start, window_end;
-- expect error: CUMULATE: a maxSize of 100000000 ms by 1 ms are 100000000 windows for a row, above the 100000 that are allowed. hint: a longer step
SELECT COUNT(*) FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '0.001' SECOND, INTERVAL '100000' SECOND(6))) GROUP BY window_start, window_end;
-- expect error: HOP: a size of 100000000 ms by 1 ms are 100000000 windows for a row
SELECT COUNT(*) FROM bids GROUP BY HOP(ts, INTERVAL '0.001' SECOND, INTERVAL '100000' SECOND(6));
-- expect error: HOP: a size of 100000000 ms every 1 ms are more than 100000 windows for a row
