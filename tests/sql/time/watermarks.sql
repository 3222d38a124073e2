-- Watermarks are any expression; they never go back, and NULL leaves them where they are.
CREATE TABLE marked (ts TIMESTAMP(3), mark INT, n INT, WATERMARK FOR ts AS CASE WHEN mark = 1 THEN ts END) WITH ('connector' = 'test');
-- input marked
--   00:00:12 | 0 | 1
--   00:00:04 | 1 | 2
--   00:00:08 | 0 | 4
--   00:00:10 | 1 | 8
--   00:00:03 | 1 | 16
SELECT window_start, SUM(n) FROM TABLE(TUMBLE(TABLE marked, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 2
--   00:00:05 | 4
-- expect
--   00:00:10 | 9
-- expect late
--   2020-01-01 00:00:03
-- Rows that a filter drops move the watermark all the same.
SELECT window_start, SUM(n) FROM TABLE(TUMBLE(TABLE marked, DESCRIPTOR(ts), INTERVAL '5' SECOND)) WHERE n < 8 GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 2
--   00:00:05 | 4
-- expect
--   00:00:10 | 1
CREATE TABLE untimed (ts TIMESTAMP(3), n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input untimed
--   00:00:01 | 1
--   NULL | 2
--   00:00:02 | 4
SELECT n FROM untimed;
-- expect
--   1
--   4
CREATE TABLE badly (ts TIMESTAMP(3), WATERMARK FOR ts AS 5) WITH ('connector' = 'test');
-- expect error: a watermark must be a timestamp, found INT
-- CURRENT_WATERMARK is the one under which the row came: the greatest of those before it.
CREATE TABLE seen (ts TIMESTAMP(3), n INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'test');
-- input seen
--   00:00:05 | 1
--   00:00:07 | 2
--   00:00:05 | 3
--   00:00:09 | 4
SELECT n, CURRENT_WATERMARK(ts) FROM seen;
-- expect
--   1 | NULL
--   2 | 2020-01-01 00:00:04
--   3 | 2020-01-01 00:00:06
--   4 | 2020-01-01 00:00:06
SELECT n FROM seen WHERE CURRENT_WATERMARK(ts) IS NULL OR ts > CURRENT_WATERMARK(ts);
-- expect
--   1
--   2
--   4
-- The connector says how far its rows are out of order.
CREATE TABLE bids (auction BIGINT, bidder BIGINT, `dateTime` TIMESTAMP(3), WATERMARK FOR `dateTime` AS SOURCE_WATERMARK())
WITH ('connector' = 'nexmark', 'nexmark.events' = 'bid', 'events.num' = '500', 'seed' = '1', 'first-event.rate' = '100');
SELECT SUM(n), COUNT(*) > 3 FROM (SELECT COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '1' SECOND)) GROUP BY window_start, window_end);
-- expect
--   500 | TRUE
-- expect late
CREATE TABLE unknown (ts TIMESTAMP(3), WATERMARK FOR ts AS SOURCE_WATERMARK()) WITH ('connector' = 'filesystem', 'path' = 'none', 'format' = 'json');
-- expect error: cannot tell how far its rows are out of order
