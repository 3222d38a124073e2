-- UNION, WITH, subqueries, VALUES, CASE, IN, LIKE, BETWEEN.
CREATE TABLE a (x INT, s STRING) WITH ('connector' = 'test');
-- input a
--   1 | apple
--   2 | banana
--   3 | NULL
SELECT x FROM a UNION ALL SELECT x + 1 FROM a;
-- expect
--   1
--   2
--   2
--   3
--   3
--   4
SELECT x FROM a UNION SELECT x + 1 FROM a;
-- expect
--   1
--   2
--   3
--   4
WITH big AS (SELECT * FROM a WHERE x > 1) SELECT s FROM big;
-- expect
--   banana
--   NULL
SELECT CASE WHEN x = 1 THEN 'one' WHEN x IN (2, 5) THEN 'two' ELSE 'many' END FROM a;
-- expect
--   one
--   two
--   many
SELECT x FROM a WHERE s LIKE '%an%' OR s IS NULL;
-- expect
--   2
--   3
SELECT x FROM a WHERE x BETWEEN 2 AND 3 AND s IS DISTINCT FROM 'banana';
-- expect
--   3
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, c) WHERE n > 1;
-- expect
--   2 | b
SELECT CASE WHEN x = 1 THEN 0 ELSE 10 / (x - 1) END FROM a;
-- expect
--   0
--   10
--   5
SELECT x FROM a ORDER BY x;
-- expect error: line 1, column 26: ORDER BY on a stream must begin with a time attribute
SELECT SUMM(x) FROM a;
-- expect error: did you mean 'SUM'?
SELECT x FROM a WHERE x;
-- expect error: a condition must be BOOLEAN
SELECT x FROM a JOIN a AS b ON a.x = b.x;
-- expect error: joins are not supported
