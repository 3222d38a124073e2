-- GROUP BY without a window gives updating results; HAVING takes rows back.
CREATE TABLE bids (item STRING, price INT) WITH ('connector' = 'test');
-- input bids
--   a | 1
--   b | 5
--   a | 2
--   a | NULL
SELECT item, COUNT(*), SUM(price), AVG(price), MAX(price) FROM bids GROUP BY item;
-- expect live
--   a | 3 | 3 | 1 | 2
--   b | 1 | 5 | 5 | 5
SELECT COUNT(*), COUNT(price), COUNT(DISTINCT item), SUM(price) FILTER (WHERE item = 'a') FROM bids;
-- expect
--   4 | 3 | 2 | 3
SELECT item, COUNT(*) AS n FROM bids GROUP BY item HAVING COUNT(*) < 2;
-- expect
--   b | 1
SELECT MAX(n) FROM (SELECT item, COUNT(*) AS n FROM bids GROUP BY item);
-- expect
--   3
SELECT DISTINCT item FROM bids;
-- expect
--   a
--   b
SELECT price FROM bids GROUP BY item;
-- expect error: column 'price' stands neither in GROUP BY nor in an aggregate
