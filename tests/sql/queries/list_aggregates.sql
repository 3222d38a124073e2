-- Aggregates that show all their values, in order of arrival: DISTINCT, FILTER, what NULLs become.
CREATE TABLE bids (item STRING, who STRING, price INT) WITH ('connector' = 'test');
-- input bids
--   a | ann | 3
--   b | bob | 1
--   a | bob | NULL
--   a | ann | 1
--   a | NULL | 3
SELECT item, LISTAGG(who), LISTAGG(who, '; '), LISTAGG(DISTINCT who, '+'), LISTAGG(who) FILTER (WHERE price > 2) FROM bids GROUP BY item;
-- expect live
--   a | ann,bob,ann | ann; bob; ann | ann+bob | ann
--   b | bob | bob | bob | NULL
SELECT item, ARRAY_AGG(price), ARRAY_AGG(price) IGNORE NULLS, ARRAY_AGG(DISTINCT price), ARRAY_AGG(who) FILTER (WHERE price > 5) FROM bids GROUP BY item;
-- expect
--   a | [3, NULL, 1, 3] | [3, 1, 3] | [3, NULL, 1] | NULL
--   b | [1] | [1] | [1] | NULL
SELECT item, COLLECT(price), COLLECT(DISTINCT price), COLLECT(who) FILTER (WHERE price > 5) FROM bids GROUP BY item;
-- expect
--   a | {1=1, 3=2} | {1=1, 3=1} | {}
--   b | {1=1} | {1=1} | {}
SELECT item, JSON_ARRAYAGG(who), JSON_ARRAYAGG(price NULL ON NULL), JSON_ARRAYAGG(DISTINCT who NULL ON NULL), JSON_ARRAYAGG(JSON_OBJECT('p' VALUE price) ABSENT ON NULL) FILTER (WHERE price > 1) FROM bids GROUP BY item;
-- expect
--   a | ["ann","bob","ann"] | [3,null,1,3] | ["ann","bob",null] | [{"p":3},{"p":3}]
--   b | ["bob"] | [1] | ["bob"] | []
-- Of equal names the last value counts; a row without a name takes no part.
SELECT item, JSON_OBJECTAGG(KEY who VALUE price), JSON_OBJECTAGG(who VALUE price ABSENT ON NULL), JSON_OBJECTAGG(DISTINCT who VALUE 'x') FROM bids GROUP BY item;
-- expect
--   a | {"ann":1,"bob":null} | {"ann":1} | {"ann":"x","bob":"x"}
--   b | {"bob":1} | {"bob":1} | {"bob":"x"}
SELECT item, PERCENTILE(price, 0.25), PERCENTILE(DISTINCT price, 0.25), PERCENTILE(price, 0.75, price), PERCENTILE(price, ARRAY[0.0, 0.5, 1.0]), PERCENTILE(price, 0.5) FILTER (WHERE price > 5) FROM bids GROUP BY item;
-- expect
--   a | 2.0 | 1.5 | 3.0 | [1.0, 3.0, 3.0] | NULL
--   b | 1.0 | 1.0 | 1.0 | [1.0, 1.0, 1.0] | NULL
SELECT COUNT(DISTINCT who), COUNT(DISTINCT who) FILTER (WHERE price > 2), COUNT(DISTINCT who) FILTER (WHERE item = 'b'), SUM(DISTINCT price), SUM(DISTINCT price) FILTER (WHERE who = 'ann'), AVG(DISTINCT price) FROM bids;
-- expect
--   2 | 1 | 1 | 4 | 4 | 2
SELECT LISTAGG(who, item) FROM bids;
-- expect error: line 1, column 8: argument 2 of LISTAGG is item, but must be a constant
SELECT LISTAGG(price) FROM bids;
-- expect error: STRING
SELECT LISTAGG(who) WITHIN GROUP (ORDER BY price) FROM bids;
-- expect error: line 1, column 8: LISTAGG takes no ORDER BY: its values come in order of arrival
SELECT PERCENTILE(price, ARRAY[0.5, 1.5]) FROM bids;
-- expect error: a percentage of PERCENTILE is 1.5. hint: it lies between 0.0 and 1.0
SELECT PERCENTILE(DISTINCT price, 0.5, price) FROM bids;
-- expect error: PERCENTILE(DISTINCT ...) takes one column, found 2
SELECT JSON_OBJECTAGG(who) FROM bids;
-- expect error: JSON_OBJECTAGG takes a name and a value, found 1 arguments

-- Rows are taken back: of equal values the one that came first.
CREATE TABLE orders (id INT, item STRING, amount INT) WITH ('connector' = 'test', 'changelog-mode' = 'I,UA,UB,D');
-- input orders
--   1 | nut | 10
--   2 | bolt | 20
--   3 | nut | NULL
--   4 | nut | 30
--   -U | 1 | nut | 10
--   +U | 1 | cog | 40
--   -D | 3 | nut | NULL
--   5 | bolt | 20
SELECT LISTAGG(item, '/'), LISTAGG(DISTINCT item), ARRAY_AGG(amount), ARRAY_AGG(DISTINCT amount), COLLECT(item), COLLECT(DISTINCT item) FROM orders;
-- expect live
--   bolt/nut/cog/bolt | nut,bolt,cog | [20, 30, 40, 20] | [20, 30, 40] | {bolt=2, cog=1, nut=1} | {bolt=1, cog=1, nut=1}
SELECT JSON_ARRAYAGG(amount NULL ON NULL), JSON_OBJECTAGG(item VALUE amount), PERCENTILE(amount, 0.5), PERCENTILE(DISTINCT amount, ARRAY[0.5]), PERCENTILE(amount, 0.5, id) FROM orders;
-- expect
--   [20,30,40,20] | {"bolt":20,"cog":40,"nut":30} | 25.0 | [30.0] | 20.0

-- In windows, whose parts are merged.
CREATE TABLE clicks (ts TIMESTAMP(3), who STRING, page STRING, WATERMARK FOR ts AS ts - INTERVAL '8' SECOND) WITH ('connector' = 'test');
-- input clicks
--   00:00:01 | ann | x
--   00:00:12 | ann | y
--   00:00:07 | ann | x
--   00:00:30 | bob | z
SELECT window_end, LISTAGG(page), LISTAGG(DISTINCT page), ARRAY_AGG(page), COLLECT(page) FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
-- expect
--   00:00:10 | x,x | x | [x, x] | {x=2}
--   00:00:20 | x,y,x | x,y | [x, y, x] | {x=2, y=1}
--   00:00:30 | y | y | [y] | {y=1}
--   00:00:40 | z | z | [z] | {z=1}
--   00:00:50 | z | z | [z] | {z=1}
-- The late-coming row joins two sessions; the order stays that of arrival.
SELECT who, window_start, LISTAGG(page), JSON_ARRAYAGG(page), PERCENTILE(CHAR_LENGTH(page), 0.5), COUNT(DISTINCT page), COUNT(DISTINCT page) FILTER (WHERE page <> 'x') FROM TABLE(SESSION(TABLE clicks PARTITION BY who, DESCRIPTOR(ts), INTERVAL '7' SECOND)) GROUP BY who, window_start, window_end;
-- expect
--   ann | 00:00:01 | x,y,x | ["x","y","x"] | 1.0 | 2 | 1
--   bob | 00:00:30 | z | ["z"] | 1.0 | 1 | 1
