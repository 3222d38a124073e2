-- INSERT: columns by name, casts, VALUES, and what does not fit.
CREATE TABLE target (a BIGINT, b STRING, c DOUBLE) WITH ('connector' = 'blackhole');
CREATE TABLE counts (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'blackhole');
CREATE TABLE input (x INT, s STRING, z STRING) WITH ('connector' = 'test');
-- input input
--   1 | one | q
INSERT INTO target (b, a) SELECT s, x FROM input;
INSERT INTO target VALUES (1, 'a', 2.5), (2, CAST(NULL AS STRING), 1);
INSERT INTO target SELECT x, s FROM input;
-- expect error: table 'target' takes 3 columns, the query yields 2
INSERT INTO target (a, d) SELECT x, s FROM input;
-- expect error: names column 'd', which it does not have
INSERT INTO target SELECT s, s, x FROM input;
-- expect error: column 'a' of table 'target' is BIGINT, the query yields 's' as STRING
INSERT INTO target (a, a) SELECT x, x FROM input;
-- expect error: INSERT INTO names column 'a' twice
INSERT OVERWRITE target SELECT x, s, 1 FROM input;
-- expect error: INSERT OVERWRITE is not supported on streams
CREATE TABLE parts (a INT, day STRING) PARTITIONED BY (day) WITH ('connector' = 'blackhole');
INSERT INTO parts PARTITION (day = 'monday') SELECT x FROM input;
EXPLAIN INSERT INTO parts PARTITION (day = 'monday') SELECT x FROM input;
-- expect text
--   Sink(table=parts)
--   'monday'
INSERT INTO parts PARTITION (a = 1) SELECT s FROM input;
-- expect error: table 'parts' is not partitioned by 'a'
INSERT INTO parts PARTITION (day = 'monday') SELECT x, s FROM input;
-- expect error: table 'parts' takes 1 columns, the query yields 2
INSERT INTO targe SELECT 1;
-- expect error: did you mean 'target'?
-- The query's key is the sink's: changes go in as they are.
EXPLAIN INSERT INTO counts SELECT s, COUNT(*) FROM input GROUP BY s;
-- expect text
--   GroupAggregate
-- Here rows of several groups share the sink's key: the last one stands.
EXPLAIN INSERT INTO counts SELECT s, COUNT(*) FROM input GROUP BY s, z;
-- expect text
--   Materialize(keys=[k])
-- A column that is NOT NULL, or in the key, takes no NULL.
INSERT INTO counts SELECT CAST(NULL AS STRING), 1;
-- expect error: column 'k' of table 'counts' is NOT NULL, but a NULL is written into it
SET 'table.exec.sink.not-null-enforcer' = 'DROP';
INSERT INTO counts SELECT CAST(NULL AS STRING), 1;
RESET 'table.exec.sink.not-null-enforcer';
BEGIN STATEMENT SET; INSERT INTO target SELECT x, s, 1.5 FROM input; INSERT INTO counts SELECT s, COUNT(*) FROM input GROUP BY s; END;
-- NOT NULL inside of values counts where it is wanted: in rows, or also in arrays and maps.
CREATE TABLE nested (x INT, r ROW<i INT NOT NULL, l ARRAY<INT NOT NULL>> NOT NULL) WITH ('connector' = 'blackhole');
CREATE VIEW hollow AS SELECT x, CAST(ROW(CAST(NULL AS INT), ARRAY[1]) AS ROW<i INT, l ARRAY<INT>>) AS r FROM input;
CREATE VIEW hole AS SELECT x, CAST(ROW(1, ARRAY[1, CAST(NULL AS INT)]) AS ROW<i INT, l ARRAY<INT>>) AS r FROM input;
INSERT INTO nested SELECT * FROM hollow;
SET 'table.exec.sink.nested-constraint-enforcer' = 'ROWS';
INSERT INTO nested SELECT * FROM hole;
INSERT INTO nested SELECT * FROM hollow;
-- expect error: column 'r' of table 'nested' is NOT NULL, but a NULL is written into it
SET 'table.exec.sink.nested-constraint-enforcer' = 'ROWS_AND_COLLECTIONS';
INSERT INTO nested SELECT * FROM hole;
-- expect error: column 'r' of table 'nested' is NOT NULL, but a NULL is written into it
SET 'table.exec.sink.not-null-enforcer' = 'DROP';
INSERT INTO nested SELECT * FROM hole;
SET 'table.exec.sink.nested-constraint-enforcer' = 'ALL';
INSERT INTO nested SELECT * FROM hole;
-- expect error: is 'ALL', expected IGNORE, ROWS or ROWS_AND_COLLECTIONS
RESET 'table.exec.sink.nested-constraint-enforcer';
RESET 'table.exec.sink.not-null-enforcer';
