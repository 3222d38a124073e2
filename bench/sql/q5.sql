-- Nexmark q5, hot items: its two aggregations, bids of each auction in sliding windows and the most of a window.
${source}
CREATE TABLE result (
  most BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH ('connector' = 'blackhole');

INSERT INTO result
SELECT MAX(bids) AS most, window_start AS starttime, window_end AS endtime
FROM (SELECT auction, COUNT(*) AS bids, window_start, window_end
      FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
      GROUP BY auction, window_start, window_end)
GROUP BY window_start, window_end;
