-- A late row changes its window until the watermark passes the end and the allowed lateness.
CREATE TABLE bids (ts TIMESTAMP(3), k STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:11 | a | 2
--   00:00:05 | a | 10
--   00:00:25 | a | 4
--   00:00:12 | a | 20
--   00:00:03 | a | 100
SET 'table.exec.emit.allow-lateness' = '10 s';
SELECT k, window_start, window_end, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect plan: emit=[late at once, lateness 10 s])  [updating]
-- expect plan: state windows: watermark + 10 s + 10 s
-- expect live
--   a | 00:00:00 | 00:00:10 | 11
--   a | 00:00:10 | 00:00:20 | 22
-- expect
--   a | 00:00:20 | 00:00:30 | 4
-- expect late
--   2020-01-01 00:00:03
SELECT k, window_start, window_end, SUM(price) FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 2019-12-31 23:59:55 | 00:00:05 | 1
--   a | 00:00:00 | 00:00:10 | 11
--   a | 00:00:05 | 00:00:15 | 12
--   a | 00:00:10 | 00:00:20 | 22
-- expect
--   a | 00:00:20 | 00:00:30 | 4
--   a | 00:00:25 | 00:00:35 | 4
-- expect late
--   2020-01-01 00:00:03
SELECT k, window_start, window_end, SUM(price) FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:00 | 00:00:05 | 1
--   a | 00:00:00 | 00:00:10 | 11
--   a | 00:00:10 | 00:00:15 | 2
--   a | 00:00:10 | 00:00:20 | 22
-- expect
--   a | 00:00:20 | 00:00:30 | 4
-- expect late
--   2020-01-01 00:00:03
SELECT k, window_start, window_end, SUM(price), COUNT(DISTINCT price) FROM TABLE(SESSION(TABLE bids PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:01 | 00:00:10 | 11 | 2
--   a | 00:00:11 | 00:00:17 | 22 | 2
-- expect
--   a | 00:00:25 | 00:00:30 | 4 | 1
-- expect late
--   2020-01-01 00:00:03
-- Group windows, without other keys.
SELECT TUMBLE_START(ts, INTERVAL '10' SECOND), COUNT(*), MAX(price) FROM bids GROUP BY TUMBLE(ts, INTERVAL '10' SECOND);
-- expect live
--   00:00:00 | 2 | 10
--   00:00:10 | 2 | 20
-- expect
--   00:00:20 | 1 | 4
-- What is built on such windows is changed with them.
SELECT SUM(total), COUNT(*) FROM (
  SELECT k, SUM(price) AS total FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end);
-- expect
--   37 | 3
SET 'table.exec.emit.late-fire.enabled' = 'true';
SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect error: 'table.exec.emit.late-fire.enabled' wants a delay. hint: SET 'table.exec.emit.late-fire.delay' = '5 s'
SET 'table.exec.emit.late-fire.delay' = '2 s';
SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect plan: emit=[late after 2 s, lateness 10 s]
-- expect
--   00:00:00 | 2
--   00:00:10 | 2
--   00:00:20 | 1
RESET 'table.exec.emit.allow-lateness';
SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect error: 'table.exec.emit.late-fire.enabled' wants allowed lateness. hint: SET 'table.exec.emit.allow-lateness' = '1 min'
SET 'table.exec.emit.allow-lateness' = '-1 s';
SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect error: table.exec.emit.allow-lateness
SET 'table.exec.emit.allow-lateness' = '1 s';
SELECT COUNT(*) FROM TABLE(SESSION(TABLE bids PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND, MAX_EVENTS => 3)) GROUP BY k, window_start, window_end;
-- expect error: sessions with MAX_EVENTS or MAX_DURATION have no early or late results
