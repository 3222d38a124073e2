-- DISTINCT calls of the same arguments share a set of values; what each has seen stays its own.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, who STRING, price INT, fee DECIMAL(6, 2), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | ann | 5 | 1.50
--   00:00:02 | a | ann | 50 | 1.50
--   00:00:03 | b | bob | 5 | 2.25
--   00:00:04 | a | bob | NULL | 0.10
--   00:00:13 | a | cat | 50 | 1.50
--   00:00:14 | a | NULL | 500 | NULL
--   00:00:12 | a | ann | 500 | 2.00
SELECT item, COUNT(DISTINCT who), COUNT(DISTINCT who) FILTER (WHERE price < 10), COUNT(DISTINCT who) FILTER (WHERE price >= 10), COUNT(DISTINCT who) FILTER (WHERE price > 900), MAX(DISTINCT who) FROM bids GROUP BY item;
-- expect live
--   a | 3 | 1 | 2 | 0 | cat
--   b | 1 | 1 | 0 | 0 | bob
-- Other functions in the same set, in any order; the first with a condition.
SELECT item, SUM(DISTINCT price) FILTER (WHERE who = 'ann'), COUNT(DISTINCT price), AVG(DISTINCT price) FILTER (WHERE price > 5), SUM(DISTINCT price) FROM bids GROUP BY item;
-- expect
--   a | 555 | 3 | 275 | 555
--   b | NULL | 1 | NULL | 5
SELECT SUM(DISTINCT fee), SUM(DISTINCT fee) FILTER (WHERE item = 'b'), COUNT(DISTINCT fee), COUNT(DISTINCT who, item), COUNT(DISTINCT who, item) FILTER (WHERE price = 5), COUNT(DISTINCT item, who) FROM bids;
-- expect
--   5.85 | 2.25 | 4 | 4 | 2 | 4
SELECT window_end, COUNT(DISTINCT who), COUNT(DISTINCT who) FILTER (WHERE price < 10), SUM(DISTINCT price), SUM(DISTINCT price) FILTER (WHERE who <> 'cat') FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
-- expect
--   00:00:10 | 2 | 2 | 55 | 55
--   00:00:20 | 3 | 2 | 555 | 555
--   00:00:30 | 2 | 0 | 550 | 500
SELECT item, window_start, COUNT(DISTINCT who), COUNT(DISTINCT who) FILTER (WHERE price >= 500) FROM TABLE(SESSION(TABLE bids PARTITION BY item, DESCRIPTOR(ts), INTERVAL '9' SECOND)) GROUP BY item, window_start, window_end;
-- expect
--   a | 00:00:01 | 3 | 1
--   b | 00:00:03 | 1 | 0
