-- EXPLAIN shows the logical, the optimized and the physical plan, of queries, inserts and sets.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
CREATE TABLE a (item STRING, n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole');
CREATE VIEW counts AS SELECT item, COUNT(*) AS n, window_start
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY item, window_start, window_end;
EXPLAIN SELECT item FROM bids WHERE price > 1 + 1;
-- expect text
--   == Logical Plan ==
--   Scan(table=bids, columns=[ts, item, price])
--   == Optimized Plan ==
--   Filter(
--   2
--   == Physical Plan ==
--   Scan bids
EXPLAIN PLAN FOR INSERT INTO b SELECT n FROM counts;
-- expect text
--   Sink(table=b)
--   WindowAggregate(TUMBLE
EXPLAIN CHANGELOG_MODE SELECT item, COUNT(*) FROM bids GROUP BY item;
-- expect text
--   [updating]
EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT item, n FROM counts; INSERT INTO b SELECT n FROM counts; END;
-- expect text
--   == Physical Plan ==
--   0: Scan bids
--   Sink a
--   Sink b
-- expect once: WindowAggregate TUMBLE(
EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT item, n FROM counts; INSERT INTO b SELECT n FROM counts; END;
-- Aggregates are shown as they were written.
EXPLAIN SELECT LOWER(item), SUM(price * 2), COUNT(DISTINCT price) FILTER (WHERE price > 1) FROM bids GROUP BY LOWER(item) HAVING COUNT(*) > 3;
-- expect text
--   Filter(COUNT(*) > 3)
--   GroupAggregate(keys=[LOWER(item)], [SUM((price * 2)), COUNT(DISTINCT price) FILTER (WHERE (price > 1)), COUNT(*)])
--   Project(LOWER(item), (price * 2), price, (price > 1)
EXPLAIN SELECT item, window_end, MAX(price) FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY item, window_start, window_end;
-- expect text
--   WindowAggregate(HOP(ts, 10 s every 5 s), keys=[item], [MAX(price)])
--   WindowAggregate HOP(ts, 10 s every 5 s)
EXPLAIN SELECT nothing FROM bids;
-- expect error: there is no column 'nothing'
