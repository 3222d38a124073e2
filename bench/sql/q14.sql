-- Nexmark q14, calculation: prices of a range in euros, the part of the day, how often 'c' stands in a text.
${source}
CREATE TABLE result (
  auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), bid_time_type STRING,
  `dateTime` TIMESTAMP(3), extra STRING, c_counts BIGINT
) WITH ('connector' = 'blackhole');

INSERT INTO result
SELECT auction, bidder, 0.908 * price AS price,
       CASE WHEN HOUR(`dateTime`) >= 8 AND HOUR(`dateTime`) <= 18 THEN 'dayTime'
            WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime'
            ELSE 'otherTime' END AS bid_time_type,
       `dateTime`, extra,
       REGEXP_COUNT(extra, 'c') AS c_counts  -- Flink's is a function that the query brings along
FROM bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
