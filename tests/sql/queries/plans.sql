-- What the plan keeps: only the columns that are used; filters below windows; one scan.
CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price INT, extra STRING, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1 | x
SELECT item, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND)) WHERE price > 0 GROUP BY item, window_start, window_end;
-- expect plan: Scan(table=bids, columns=[ts, item, price])
-- expect
--   a | 1
SELECT item FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(item), INTERVAL '5' SECOND));
-- expect error: is not a time attribute
SELECT COUNT(*) FROM TABLE(TUMBEL(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect error: did you mean 'TUMBLE'?
SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '-5' SECOND)) GROUP BY window_start, window_end;
-- expect error: SIZE must be above zero
SELECT COUNT(*) FROM TABLE(SESSION(TABLE bids PARTITION BY item, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect plan: SessionAssign
-- expect
--   1
