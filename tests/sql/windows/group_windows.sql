-- Windows in GROUP BY, the older form: the same results as the table functions.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:04 | a | 2
--   00:00:06 | b | 4
--   00:00:20 | a | 8
SELECT item, TUMBLE_START(ts, INTERVAL '5' SECOND), TUMBLE_END(ts, INTERVAL '5' SECOND) AS e, TUMBLE_ROWTIME(ts, INTERVAL '5' SECOND), SUM(price)
FROM bids GROUP BY item, TUMBLE(ts, INTERVAL '5' SECOND);
-- expect live
--   a | 00:00:00 | 00:00:05 | 00:00:04.999 | 3
--   b | 00:00:05 | 00:00:10 | 00:00:09.999 | 4
-- expect
--   a | 00:00:20 | 00:00:25 | 00:00:24.999 | 8
SELECT HOP_END(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND), COUNT(*) FROM bids GROUP BY HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) HAVING COUNT(*) > 1;
-- expect
--   00:00:05 | 2
--   00:00:10 | 3
SELECT item, SESSION_START(ts, INTERVAL '5' SECOND), SESSION_END(ts, INTERVAL '5' SECOND), COUNT(*) FROM bids GROUP BY SESSION(ts, INTERVAL '5' SECOND), item;
-- expect live
--   a | 00:00:01 | 00:00:09 | 2
--   b | 00:00:06 | 00:00:11 | 1
-- expect
--   a | 00:00:20 | 00:00:25 | 1
SELECT COUNT(*) FROM bids GROUP BY TUMBLE(price, INTERVAL '5' SECOND);
-- expect error: TUMBLE wants a time attribute, found price
SELECT COUNT(*) FROM bids GROUP BY HOP(ts, INTERVAL '5' SECOND);
-- expect error: HOP in GROUP BY wants a time column and 2 intervals
