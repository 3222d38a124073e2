-- A window's late rows show with the next firing, five seconds after the first of them at most.
CREATE TABLE bids (ts TIMESTAMP(3), k STRING, price INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | a | 1
--   00:00:30 | b | 2
--   @ 00:00:03
--   00:00:02 | a | 4
--   00:00:03 | a | 8
--   @ 00:00:06
--   00:00:31 | b | 16
SET 'table.exec.emit.allow-lateness' = '1 min';
SET 'table.exec.emit.late-fire.enabled' = 'true';
SET 'table.exec.emit.late-fire.delay' = '5 s';
SELECT k, window_start, SUM(price) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
-- expect live
--   a | 00:00:00 | 13
-- expect
--   b | 00:00:30 | 18
-- expect late
