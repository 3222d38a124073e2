-- UNNEST turns elements into rows; WITH ORDINALITY numbers them.
CREATE TABLE t (id INT, tags STRING) WITH ('connector' = 'test');
-- input t
--   1 | a,b
--   2 | c
CREATE VIEW tagged AS SELECT id, CASE WHEN tags = 'c' THEN ARRAY['c'] ELSE ARRAY['a', 'b'] END AS tags FROM t;
SELECT id, tag FROM tagged CROSS JOIN UNNEST(tags) AS u (tag);
-- expect live
--   1 | a
--   1 | b
--   2 | c
SELECT id, tag, n FROM tagged, UNNEST(tags) WITH ORDINALITY AS u (tag, n) WHERE n > 1;
-- expect
--   1 | b | 2
SELECT * FROM t CROSS JOIN UNNEST(ARRAY[7, 8]);
-- expect
--   1 | a,b | 7
--   1 | a,b | 8
--   2 | c | 7
--   2 | c | 8
SELECT id, k, v FROM t, UNNEST(MAP['p', id]) AS u (k, v);
-- expect
--   1 | p | 1
--   2 | p | 2
SELECT id, e FROM t LEFT JOIN UNNEST(CASE WHEN id = 1 THEN ARRAY[5] END) AS u (e) ON TRUE;
-- expect
--   1 | 5
--   2 | NULL
SELECT id, e FROM t CROSS JOIN UNNEST(CASE WHEN id = 1 THEN ARRAY[5] END) AS u (e);
-- expect
--   1 | 5
SELECT a, b FROM UNNEST(ARRAY[ROW(1, 'x'), ROW(2, 'y')]) AS u (a, b);
-- expect
--   1 | x
--   2 | y
SELECT tag, COUNT(*) FROM tagged, UNNEST(tags) AS u (tag) GROUP BY tag;
-- expect
--   a | 1
--   b | 1
--   c | 1
SELECT * FROM t CROSS JOIN UNNEST(id) AS u (e);
-- expect error: UNNEST wants an ARRAY or a MAP, found INT
SELECT * FROM tagged CROSS JOIN UNNEST(tags) AS u (a, b);
-- expect error: UNNEST yields 1 columns but 2 names are given
-- What COLLECT gives is a multiset: under one name each value comes as often as it is there.
SELECT s, n FROM (SELECT COLLECT(x) AS c FROM (VALUES 'a', 'b', 'a') AS v (x)), UNNEST(c) WITH ORDINALITY AS u (s, n);
-- expect
--   a | 1
--   a | 2
--   b | 3
SELECT k, v FROM (SELECT COLLECT(x) AS c FROM (VALUES 'a', 'b', 'a') AS v (x)), UNNEST(c) AS u (k, v);
-- expect
--   a | 2
--   b | 1
