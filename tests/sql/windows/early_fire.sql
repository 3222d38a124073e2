-- Open windows show their results every five seconds of processing time, where they have changed.
CREATE TABLE bids (ts TIMESTAMP(3), k STRING, price INT, pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   @ 00:00:03
--   00:00:02 | a | 2
--   @ 00:00:06
--   00:00:25 | a | 4
--   @ 00:00:12
--   00:00:03 | b | 8
--   @ 00:00:16
--   00:00:12 | a | 16
--   @ 00:00:21
--   00:00:04 | c | 32
SELECT k, window_start, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
-- expect
--   a | 00:00:00 | 23
--   b | 00:00:00 | 8
--   c | 00:00:00 | 32
SET 'table.exec.emit.early-fire.enabled' = 'true';
SELECT k, window_start, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
-- expect error: 'table.exec.emit.early-fire.enabled' wants a delay. hint: SET 'table.exec.emit.early-fire.delay' = '5 s'
SET 'table.exec.emit.early-fire.delay' = '5 s';
SELECT k, window_start, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
-- expect plan: emit=[early every 5 s])  [updating]
-- expect live
--   a | 00:00:00 | 23
--   b | 00:00:00 | 8
-- expect
--   c | 00:00:00 | 32
SELECT k, window_start, window_end, MAX(price) FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:00 | 00:00:30 | 16
--   a | 00:00:00 | 00:01:00 | 16
--   b | 00:00:00 | 00:00:30 | 8
--   b | 00:00:00 | 00:01:00 | 8
-- expect
--   c | 00:00:00 | 00:00:30 | 32
--   c | 00:00:00 | 00:01:00 | 32
-- The row at 00:00:12 joins two sessions that have been shown.
SELECT k, window_start, window_end, SUM(price) FROM TABLE(SESSION(TABLE bids PARTITION BY k, DESCRIPTOR(ts), INTERVAL '15' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:01 | 00:00:40 | 23
--   b | 00:00:03 | 00:00:18 | 8
-- expect
--   c | 00:00:04 | 00:00:19 | 32
-- Windows of processing time, too.
SELECT k, window_start, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(pt), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:00 | 23
--   b | 00:00:00 | 8
-- expect
--   c | 00:00:00 | 32
-- Without a delay results come with each batch.
SET 'table.exec.emit.early-fire.delay' = '0 s';
SELECT k, window_start, window_end, SUM(price) FROM TABLE(SESSION(TABLE bids PARTITION BY k, DESCRIPTOR(ts), INTERVAL '15' SECOND)) GROUP BY k, window_start, window_end;
-- expect plan: emit=[early at once])  [updating]
-- expect live
--   a | 00:00:01 | 00:00:40 | 23
--   b | 00:00:03 | 00:00:18 | 8
--   c | 00:00:04 | 00:00:19 | 32
