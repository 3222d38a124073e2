-- Each split has a watermark of its own; the table's is the least of them. A row is late by its own split's, and is
-- counted and kept with that split.
CREATE TABLE clicks (ts TIMESTAMP(3), u STRING, n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
-- input clicks
--   split fast
--   00:00:01 | ann | 1
--   00:00:20 | ann | 2
--   00:00:03 | bob | 4
--   00:00:21 | bob | 8
--   split slow
--   00:00:02 | ann | 16
--   00:00:04 | bob | 32
--   00:00:06 | bob | 64
--   00:00:01 | bob | 128
SELECT u, window_start, SUM(n) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect live
--   ann | 00:00:00 | 17
--   bob | 00:00:00 | 32
-- expect
--   bob | 00:00:05 | 64
--   ann | 00:00:20 | 2
--   bob | 00:00:20 | 8
-- expect late
--   fast | 2020-01-01 00:00:03
--   slow | 2020-01-01 00:00:01
SELECT u, window_start, COUNT(*) FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect
--   ann | 00:00:01 | 2
--   ann | 00:00:20 | 1
--   bob | 00:00:01 | 3
--   bob | 00:00:21 | 1
-- expect late
--   fast | 2020-01-01 00:00:03
CREATE VIEW visits AS SELECT ts, session_position FROM TABLE(SESSIONIZE(DATA => TABLE clicks PARTITION BY u, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '1' HOUR));
-- Behind two exchanges and a task that has rows of both splits: each row keeps its own.
SELECT window_start, COUNT(session_position) FROM TABLE(TUMBLE(TABLE visits, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;
-- expect live
--   00:00:00 | 3
-- expect
--   00:00:05 | 1
--   00:00:20 | 2
-- expect late
--   fast | 2020-01-01 00:00:03
--   slow | 2020-01-01 00:00:01
-- Splits that wait for one another yield the same.
CREATE TABLE aligned (ts TIMESTAMP(3), u STRING, n INT, WATERMARK FOR ts AS ts) WITH ('connector' = 'test', 'scan.watermark.alignment.group' = 'all', 'scan.watermark.alignment.max-drift' = '2 s');
-- input aligned
--   split fast
--   00:00:01 | ann | 1
--   00:00:20 | ann | 2
--   00:00:03 | bob | 4
--   00:00:21 | bob | 8
--   split slow
--   00:00:02 | ann | 16
--   00:00:04 | bob | 32
--   00:00:06 | bob | 64
--   split empty
SELECT u, window_start, SUM(n) FROM TABLE(TUMBLE(TABLE aligned, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY u, window_start, window_end;
-- expect
--   ann | 00:00:00 | 17
--   bob | 00:00:00 | 32
--   bob | 00:00:05 | 64
--   ann | 00:00:20 | 2
--   bob | 00:00:20 | 8
-- expect late
--   fast | 2020-01-01 00:00:03
SELECT n FROM aligned /*+ OPTIONS('scan.watermark.alignment.max-drift' = 'soon') */;
-- expect error: option 'scan.watermark.alignment.max-drift'
CREATE TABLE adrift (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test', 'scan.watermark.alignment.group' = 'all');
SELECT ts FROM adrift;
-- expect error: table 'adrift': 'scan.watermark.alignment.group' and 'scan.watermark.alignment.max-drift' go together
