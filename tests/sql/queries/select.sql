-- The words of a query.
CREATE TABLE a (x INT, s STRING) WITH ('connector' = 'test');
-- input a
--   1 | apple
--   2 | banana
--   3 | NULL
--   3 | cherry
SELECT x FROM a LIMIT 2;
-- expect
--   1
--   2
SELECT x FROM a LIMIT 1 OFFSET 2;
-- expect
--   3
SELECT COUNT(*) FROM (SELECT x, COUNT(*) AS n FROM a GROUP BY x LIMIT 2) AS firsts;
-- expect plan: UpdatingLimit(2)
-- expect
--   2
SELECT ARRAY_AGG(s) FROM a GROUP BY x LIMIT 1;
-- expect error: LIMIT on an updating result cannot keep column 'EXPR$0' of type ARRAY<STRING>
SELECT x FROM a WHERE s NOT LIKE '%an%' AND s LIKE '_____';
-- expect
--   1
SELECT x FROM a WHERE x NOT BETWEEN 2 AND 3 OR x IN (2, 7) AND x NOT IN (3, 4);
-- expect
--   1
--   2
SELECT x FROM a WHERE s IS NOT DISTINCT FROM NULL;
-- expect
--   3
SELECT x FROM a WHERE x IN (SELECT x FROM a);
-- expect error: a subquery inside an expression is not supported
SELECT x, (SELECT MAX(x) FROM a) FROM a;
-- expect error: a subquery inside an expression is not supported
SELECT DISTINCT x FROM a WHERE x > 1;
-- expect
--   2
--   3
SELECT x FROM a INTERSECT SELECT x + 1 FROM a;
-- expect
--   2
--   3
SELECT x FROM a EXCEPT SELECT x + 1 FROM a;
-- expect
--   1
SELECT x FROM a EXCEPT ALL SELECT x + 1 FROM a;
-- expect
--   1
--   3
SELECT x FROM a INTERSECT ALL SELECT x + 1 FROM a;
-- expect
--   2
--   3
(SELECT x FROM a UNION ALL SELECT x FROM a) INTERSECT ALL (SELECT 3 FROM a);
-- expect
--   3
--   3
--   3
--   3
SELECT COUNT(*) FROM (SELECT x FROM a EXCEPT ALL SELECT 3 FROM a WHERE x = 1) AS t;
-- expect
--   3
SELECT x FROM a UNION ALL SELECT x, s FROM a;
-- expect error: the sides of a set operation have 1 and 2 columns
WITH one AS (SELECT x FROM a), two (y) AS (SELECT x + 10 FROM one) SELECT y FROM two WHERE y < 12;
-- expect
--   11
WITH one AS (SELECT x FROM a), one AS (SELECT s FROM a) SELECT * FROM one;
-- expect error: line 1, column 32: WITH names 'one' twice
SELECT t.*, t.x + 1 AS more FROM (SELECT x FROM a WHERE x = 1) AS t;
-- expect
--   1 | 2
SELECT CASE x WHEN 1 THEN 'one' WHEN 2, 3 THEN 'few' END FROM a;
-- expect
--   one
--   few
--   few
--   few
VALUES (1, 'a'), (2, NULL);
-- expect
--   1 | a
--   2 | NULL
SELECT SUM(x) FROM a HAVING COUNT(*) > 10;
-- expect
SELECT COUNT(DISTINCT x), SUM(DISTINCT x) FILTER (WHERE x > 1), FIRST_VALUE(x), LAST_VALUE(x) FROM a;
-- expect
--   3 | 5 | 1 | 3
SELECT ROW_NUMBER() OVER (ORDER BY x) FROM a;
-- expect error: OVER (...) is not supported
SELECT * FROM a, a AS b;
-- expect error: joins are not supported
