-- Windows of a number of rows of each key, in the order in which they come.
CREATE TABLE bids (ts TIMESTAMP(3), k STRING, price INT, pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:02 | b | 2
--   00:00:04 | a | 4
--   00:00:03 | a | 8
--   00:00:05 | a | 16
--   00:00:20 | b | 32
--   00:00:06 | a | 64
--   00:00:21 | a | 128
SELECT k, window_start, window_end, SUM(price) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SIZE => 2)) GROUP BY k, window_start, window_end;
-- expect plan: COUNT(ts, 2 rows every 2)
-- expect plan: WARNING: nothing bounds the state 'windows'
-- expect live
--   a | 00:00:01 | 00:00:04.001 | 5
--   a | 00:00:03 | 00:00:05.001 | 24
--   b | 00:00:02 | 00:00:20.001 | 34
--   a | 00:00:06 | 00:00:21.001 | 192
-- expect late
-- Sliding: a new window every row.
SELECT k, COUNT(*), SUM(price) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(pt), SIZE => 3, SLIDE => 1)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 3 | 13
--   a | 3 | 28
--   a | 3 | 88
--   a | 3 | 208
-- expect
--   a | 2 | 192
--   a | 1 | 128
--   b | 2 | 34
--   b | 1 | 32
-- A window that does not fill closes ten seconds after its first row; a row that is later is late.
SELECT k, window_start, window_end, SUM(price) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SIZE => 3, TIMEOUT => INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect plan: state windows: watermark + 10 s
-- expect live
--   a | 00:00:01 | 00:00:04.001 | 13
--   a | 00:00:05 | 00:00:05.001 | 16
--   b | 00:00:02 | 00:00:20.001 | 34
-- expect
--   a | 00:00:21 | 00:00:21.001 | 128
-- expect late
--   2020-01-01 00:00:06
SELECT k, window_start FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SIZE => 2));
-- expect error: COUNT_WINDOW wants GROUP BY its PARTITION BY columns
SELECT COUNT(*) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SIZE => 2, SLIDE => 3)) GROUP BY k, window_start, window_end;
-- expect error: COUNT_WINDOW's SLIDE (3 rows) must not be above its SIZE (2 rows)
SELECT COUNT(*) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SIZE => 2000, SLIDE => 1)) GROUP BY k, window_start, window_end;
-- expect error: more than 1000 windows for a row
SELECT COUNT(*) FROM TABLE(COUNT_WINDOW(TABLE bids PARTITION BY k, DESCRIPTOR(ts), SLIDE => 1)) GROUP BY k, window_start, window_end;
-- expect error: COUNT_WINDOW wants SIZE. hint: SIZE => 100
