-- Nexmark q7, highest bid: its aggregation, the highest price of each 10 s.
${source}
CREATE TABLE result (
  highest BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH ('connector' = 'blackhole');

INSERT INTO result
SELECT MAX(price) AS highest, window_start AS starttime, window_end AS endtime
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
