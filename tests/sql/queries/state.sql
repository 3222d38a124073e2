-- EXPLAIN names each state and what keeps it from growing for ever.
CREATE TABLE views (ts TIMESTAMP(3), who STRING, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'test');
-- input views
--   00:00:01 | ann
--   00:00:02 | bob
--   00:00:03 | ann

SELECT who, COUNT(*) AS n FROM views GROUP BY who;
-- expect
--   ann | 2
--   bob | 1
-- expect plan: state groups: UNBOUNDED
-- expect plan: WARNING: nothing bounds the state 'groups' of GroupAggregate(keys=1, COUNT(*)) (One row per group of GROUP BY.) hint: SET 'table.exec.state.ttl' = '1 d'

SELECT COUNT(*) AS n FROM views;
-- expect
--   3
-- expect plan: state groups: one row

SELECT COUNT(DISTINCT who) AS n FROM views;
-- expect
--   2
-- expect plan: state groups: UNBOUNDED

SELECT window_start, who, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE views, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, who;
-- expect
--   00:00:00 | ann | 2
--   00:00:00 | bob | 1
-- expect plan: state slices: watermark + 10 s

SELECT window_start, who, COUNT(*) AS n FROM TABLE(SESSION(TABLE views PARTITION BY who, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end, who;
-- expect
--   00:00:01 | ann | 2
--   00:00:02 | bob | 1
-- expect plan: state sessions: watermark + 5 s

SET 'table.exec.state.ttl' = '1 h';
SELECT who, COUNT(*) AS n FROM views GROUP BY who;
-- expect
--   ann | 2
--   bob | 1
-- expect plan: state groups: TTL 3600 s

-- A hint for one query: by the name or the alias of what it reads.
SELECT /*+ STATE_TTL('views' = '2 h') */ who, COUNT(*) AS n FROM views GROUP BY who;
-- expect
--   ann | 2
--   bob | 1
-- expect plan: state groups: TTL 7200 s

SELECT /*+ STATE_TTL('v' = '0 s') */ who, COUNT(*) AS n FROM views AS v GROUP BY who;
-- expect
--   ann | 2
--   bob | 1
-- expect plan: state groups: UNBOUNDED

SELECT /*+ STATE_TTL('v' = '30 min') */ DISTINCT who FROM views AS v;
-- expect
--   ann
--   bob
-- expect plan: state groups: TTL 1800 s

SELECT /*+ STATE_TTL('views' = '2 h') */ who, COUNT(*) AS n FROM views AS v GROUP BY who;
-- expect error: the hint STATE_TTL names 'views', but what is read from is 'v'

SELECT /*+ STATE_TTL('views' = 'soon') */ who, COUNT(*) AS n FROM views GROUP BY who;
-- expect error: option 'STATE_TTL'
