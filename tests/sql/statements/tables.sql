-- CREATE TABLE with all its clauses, LIKE, views, SHOW, DESCRIBE, DROP.
CREATE TABLE base (
  id INT NOT NULL COMMENT 'who',
  ts TIMESTAMP(3),
  twice AS id * 2,
  WATERMARK FOR ts AS `ts` - INTERVAL '1' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) COMMENT 'the first' PARTITIONED BY (id) WITH ('connector' = 'test', 'changelog-mode' = 'I');
-- input base
--   1 | 00:00:01
CREATE TABLE IF NOT EXISTS base (x INT) WITH ('connector' = 'test');
DESCRIBE base;
-- expect text
--   | id    | INT          | FALSE | PRI |
--   `ts` - INTERVAL '1' SECOND
--   | twice | INT          | FALSE |     | AS id * 2
CREATE TABLE base (x INT) WITH ('connector' = 'test');
-- expect error: there is a table or view 'base' already
SHOW CREATE TABLE base;
-- expect text
--   CREATE TABLE `base` (
--   `id` INT NOT NULL COMMENT 'who'
--   `twice` AS id * 2
--   WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND
--   PRIMARY KEY (`id`) NOT ENFORCED
--   COMMENT 'the first'
--   PARTITIONED BY (`id`)
--   'connector' = 'test'
SELECT id, twice FROM base;
-- expect
--   1 | 2
CREATE TEMPORARY TABLE copy (more STRING) LIKE base (EXCLUDING GENERATED EXCLUDING WATERMARKS);
-- input copy
--   5 | 00:00:01 | x
SELECT * FROM copy;
-- expect
--   5 | 00:00:01 | x
SELECT TUMBLE_START(ts, INTERVAL '1' SECOND) FROM copy GROUP BY TUMBLE(ts, INTERVAL '1' SECOND);
-- expect error: TUMBLE wants a time attribute, found ts
CREATE TABLE other (more STRING) WITH ('changelog-mode' = 'I') LIKE base (OVERWRITING OPTIONS);
SHOW CREATE TABLE other;
-- expect text
--   `more` STRING
--   'changelog-mode' = 'I'
CREATE TABLE clash (id STRING) LIKE base;
-- expect error: column 'id' is in table 'base' already
CREATE TABLE clash (twice AS id + id) LIKE base;
-- expect error: column 'twice' is in table 'base' already. hint: EXCLUDING GENERATED or OVERWRITING GENERATED
CREATE TABLE changed (twice AS id + 100, WATERMARK FOR ts AS ts) LIKE base (OVERWRITING GENERATED OVERWRITING WATERMARKS);
-- input changed
--   1 | 00:00:01
SELECT twice FROM changed;
-- expect
--   101
CREATE TABLE clash (WATERMARK FOR ts AS ts) LIKE base;
-- expect error: table 'base' has a watermark already. hint: EXCLUDING WATERMARKS or OVERWRITING WATERMARKS
CREATE TABLE clash (PRIMARY KEY (ts) NOT ENFORCED) LIKE base;
-- expect error: table 'base' has a primary key already. hint: EXCLUDING CONSTRAINTS
CREATE TABLE clash WITH ('connector' = 'print') LIKE base (INCLUDING OPTIONS);
-- expect error: option 'connector' is in table 'base' already. hint: EXCLUDING OPTIONS or OVERWRITING OPTIONS
CREATE TABLE broken (x INT) LIKE bas;
-- expect error: did you mean 'base'?
CREATE TEMPORARY VIEW IF NOT EXISTS ids (number) AS SELECT id FROM base;
SELECT number + 1 FROM ids;
-- expect
--   2
CREATE VIEW bad AS SELECT nothing FROM base;
-- expect error: there is no column 'nothing'
CREATE VIEW wide (a, b) AS SELECT id FROM base;
-- expect error: view 'wide' names 2 columns, its query has 1
SHOW TABLES;
-- expect text
--   base
--   copy
--   other
--   ids
SHOW VIEWS;
-- expect text
--   ids
SHOW CREATE VIEW ids;
-- expect text
--   SELECT id FROM base
DESCRIBE ids;
-- expect text
--   | number | INT
DROP TABLE ids;
-- expect error: there is no table 'ids'
DROP VIEW ids;
DROP TABLE IF EXISTS never;
DROP TEMPORARY TABLE copy;
DROP TABLE bas;
-- expect error: did you mean 'base'?
SELECT number FROM ids;
-- expect error: there is no table or view 'ids'
SHOW FUNCTIONS;
-- expect text
--   ABS
--   UPPER
CREATE TABLE twins (a INT, a INT) WITH ('connector' = 'test');
-- expect error: table 'twins' has two columns named 'a'
CREATE TABLE keyless (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'test');
-- expect error: PRIMARY KEY of table 'keyless' names column 'b'
CREATE TABLE timeless (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'test');
-- expect error: must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), found INT
CREATE VIEW lacking (a, b) AS SELECT 1;
-- expect error: line 1, column 31: view 'lacking' names 2 columns, its query has 1
