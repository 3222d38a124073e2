-- A window over a windowed result, and GROUP BY on windows that the rows carry already.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:02 | b | 3
--   00:00:07 | a | 2
--   00:00:12 | b | 4
CREATE VIEW fives AS
SELECT item, window_start, window_end, window_time AS rowtime, SUM(price) AS total
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY item, window_start, window_end, window_time;
CREATE VIEW totals AS SELECT item, rowtime, total FROM fives;
SELECT window_start, window_end, SUM(total)
FROM TABLE(TUMBLE(TABLE totals, DESCRIPTOR(rowtime), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 00:00:10 | 6
-- expect
--   00:00:10 | 00:00:20 | 4
SELECT window_start, window_end, MAX(total) FROM fives GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 00:00:05 | 3
--   00:00:05 | 00:00:10 | 2
-- expect
--   00:00:10 | 00:00:15 | 4
