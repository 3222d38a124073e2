-- Projection and filter; NULL conditions drop the row.
CREATE TABLE bids (ts TIMESTAMP(3), price INT, name STRING) WITH ('connector' = 'test');
-- input bids
--   00:00:01 | 5 | a
--   00:00:02 | 7 | b
--   00:00:03 | NULL | c
SELECT name, price * 2 AS twice FROM bids WHERE price > 5;
-- expect live
--   b | 14
SELECT UPPER(name), price IS NULL FROM bids;
-- expect
--   A | FALSE
--   B | FALSE
--   C | TRUE
SELECT nam FROM bids;
-- expect error: line 1, column 8: there is no column 'nam'. did you mean 'name'?
SELECT name FROM bid;
-- expect error: did you mean 'bids'?
SELEC name FROM bids;
-- expect error: did you mean 'SELECT'?
