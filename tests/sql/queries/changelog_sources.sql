-- Tables whose rows change: full changelogs, and upserts by key.
CREATE TABLE orders (id INT, amount INT) WITH ('connector' = 'test', 'changelog-mode' = 'I,UA,UB,D');
-- input orders
--   1 | 10
--   2 | 20
--   -U | 1 | 10
--   +U | 1 | 15
--   -D | 2 | 20
--   3 | 30
SELECT * FROM orders;
-- expect live
--   1 | 15
--   3 | 30
SELECT COUNT(*), SUM(amount), MIN(amount) FROM orders;
-- expect
--   2 | 45 | 15
-- LIMIT and OFFSET over rows that change: the first in the order of arrival; a changed row stands last.
SELECT id, amount FROM orders LIMIT 1;
-- expect live
--   1 | 15
SELECT id, amount FROM orders LIMIT 1 OFFSET 1;
-- expect live
--   3 | 30
SELECT COUNT(*), SUM(amount) FROM (SELECT * FROM orders LIMIT 2) AS firsts;
-- expect
--   2 | 45
SELECT amount FROM orders EXCEPT ALL SELECT 15 FROM orders WHERE id = 1;
-- expect live
--   30
SELECT id FROM orders INTERSECT ALL SELECT 3 FROM orders;
-- expect
--   3
CREATE TABLE stock (item STRING, n INT, PRIMARY KEY (item) NOT ENFORCED) WITH ('connector' = 'test', 'changelog-mode' = 'I,UA,D');
-- input stock
--   nut | 3
--   +U | bolt | 4
--   +U | nut | 7
--   -D | bolt | NULL
--   -D | gone | 1
SELECT item, n FROM stock;
-- expect plan: Normalize(keys=[item])
-- expect
--   nut | 7
SELECT SUM(n), COUNT(*) FROM stock;
-- expect live
--   7 | 1
SELECT item FROM stock WHERE n < 5;
-- expect
CREATE TABLE keyless (item STRING) WITH ('connector' = 'test', 'changelog-mode' = 'I,UA,D');
-- input keyless
--   nut
SELECT * FROM keyless;
-- expect error: table 'keyless' holds upserts and has no key
