-- Nexmark q0, pass through: what reading and writing alone cost.
${source}
CREATE TABLE result (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), extra STRING
) WITH ('connector' = 'blackhole');

INSERT INTO result
SELECT auction, bidder, price, `dateTime`, extra FROM bid;
