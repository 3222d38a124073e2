-- EXPLAIN says which state goes to disk. Values of unknown options are refused.
SET 'state.backend.type' = 'disk';
-- expect error: 'disk' is neither 'hashmap' nor 'rocksdb'
SET 'state.backend.rocksdb.memory.fixed-per-tm' = '5 apples';
-- expect error: option 'state.backend.rocksdb.memory.fixed-per-tm'
SET 'state.backend.type' = 'rocksdb';
SET 'state.backend.rocksdb.memory.fixed-per-slot' = '1 kb';
CREATE TABLE bids (ts TIMESTAMP(3), price INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'test');
-- input bids
--   00:00:01 | 5
--   00:00:03 | 7
--   00:00:05 | 5
--   00:00:12 | 6
--   00:00:14 | 8
--   00:00:15 | 9
--   00:00:16 | 10
--   00:00:17 | 11
--   00:00:40 | 5
SELECT price, COUNT(*), LISTAGG(CAST(price AS STRING)) FROM bids GROUP BY price;
-- expect plan: state groups: UNBOUNDED; on disk
-- expect
--   5 | 3 | 5,5,5
--   6 | 1 | 6
--   7 | 1 | 7
--   8 | 1 | 8
--   9 | 1 | 9
--   10 | 1 | 10
--   11 | 1 | 11
SELECT price, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY price, window_start, window_end;
-- expect plan: state slices: watermark + 10 s; on disk
-- expect live
--   5 | 2
--   6 | 1
--   7 | 1
--   8 | 1
--   9 | 1
--   10 | 1
--   11 | 1
-- expect
--   5 | 1
SELECT price, window_end, COUNT(*)
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY price, window_start, window_end;
-- expect plan: state slices: watermark + 10 s; on disk
-- expect live
--   5 | 00:00:05 | 1
--   5 | 00:00:10 | 2
--   5 | 00:00:15 | 1
--   6 | 00:00:15 | 1
--   6 | 00:00:20 | 1
--   7 | 00:00:05 | 1
--   7 | 00:00:10 | 1
--   8 | 00:00:15 | 1
--   8 | 00:00:20 | 1
--   9 | 00:00:20 | 1
--   9 | 00:00:25 | 1
--   10 | 00:00:20 | 1
--   10 | 00:00:25 | 1
--   11 | 00:00:20 | 1
--   11 | 00:00:25 | 1
-- expect
--   5 | 00:00:45 | 1
--   5 | 00:00:50 | 1
SELECT MAX(ts), COUNT(*)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- expect plan: state slices: watermark + 10 s; in memory
SELECT price, window_start, COUNT(*)
FROM TABLE(SESSION(TABLE bids PARTITION BY price, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY price, window_start, window_end;
-- expect plan: state sessions: watermark + 10 s; on disk
-- expect live
--   5 | 00:00:01 | 2
--   6 | 00:00:12 | 1
--   7 | 00:00:03 | 1
--   8 | 00:00:14 | 1
--   9 | 00:00:15 | 1
--   10 | 00:00:16 | 1
--   11 | 00:00:17 | 1
-- expect
--   5 | 00:00:40 | 1
-- Sessions row by row; results before and after the end of windows.
SELECT price, window_start FROM TABLE(SESSION(TABLE bids PARTITION BY price, DESCRIPTOR(ts), INTERVAL '10' SECOND));
-- expect plan: state waiting: watermark + 10 s; on disk
-- expect live
--   5 | 00:00:01
--   5 | 00:00:01
--   7 | 00:00:03
--   6 | 00:00:12
--   8 | 00:00:14
--   9 | 00:00:15
--   10 | 00:00:16
--   11 | 00:00:17
-- expect
--   5 | 00:00:40
SET 'table.exec.emit.allow-lateness' = '1 min';
SET 'table.exec.emit.early-fire.enabled' = 'true';
SET 'table.exec.emit.early-fire.delay' = '5 s';
SELECT price, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY price, window_start, window_end;
-- expect plan: state windows: watermark + 10 s + 60 s; on disk
-- expect
--   5 | 2
--   7 | 1
--   6 | 1
--   8 | 1
--   9 | 1
--   10 | 1
--   11 | 1
--   5 | 1
RESET 'table.exec.emit.allow-lateness';
RESET 'table.exec.emit.early-fire.enabled';
RESET 'table.exec.emit.early-fire.delay';
-- Keys on disk begin with two bytes for their group.
SET 'pipeline.max-parallelism' = '1024';
SELECT price, COUNT(*) FROM bids GROUP BY price;
-- expect
--   5 | 3
--   6 | 1
--   7 | 1
--   8 | 1
--   9 | 1
--   10 | 1
--   11 | 1
