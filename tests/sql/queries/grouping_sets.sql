-- GROUPING SETS, ROLLUP, CUBE with GROUPING and GROUPING_ID, also in windows.
CREATE TABLE sales (ts TIMESTAMP(3), region STRING, item STRING, n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input sales
--   00:00:01 | north | nut | 1
--   00:00:02 | north | bolt | 2
--   00:00:03 | south | nut | 4
--   00:00:07 | north | nut | 8
SELECT region, item, SUM(n) FROM sales GROUP BY ROLLUP (region, item);
-- expect
--   north | nut | 9
--   north | bolt | 2
--   south | nut | 4
--   north | NULL | 11
--   south | NULL | 4
--   NULL | NULL | 15
SELECT region, SUM(n), COUNT(region), GROUPING(region) FROM sales GROUP BY GROUPING SETS ((region), ());
-- expect
--   north | 11 | 3 | 0
--   south | 4 | 1 | 0
--   NULL | 15 | 4 | 1
SELECT region, item, GROUPING_ID(region, item) AS g, COUNT(*) FROM sales GROUP BY CUBE (region, item) HAVING GROUPING_ID(region, item) > 0;
-- expect
--   north | NULL | 1 | 3
--   south | NULL | 1 | 1
--   NULL | nut | 2 | 3
--   NULL | bolt | 2 | 1
--   NULL | NULL | 3 | 4
SELECT window_end, region, SUM(n) FROM TABLE(TUMBLE(TABLE sales, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, GROUPING SETS ((region), ());
-- expect live
--   00:00:05 | north | 3
--   00:00:05 | south | 4
--   00:00:05 | NULL | 7
-- expect
--   00:00:10 | north | 8
--   00:00:10 | NULL | 8
SELECT item FROM sales GROUP BY ROLLUP (region);
-- expect error: column 'item' stands neither in GROUP BY nor in an aggregate
SELECT GROUPING(item) FROM sales GROUP BY ROLLUP (region);
-- expect error: GROUPING wants keys of GROUP BY, found item
