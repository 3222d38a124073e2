-- Writes ${events} bids of the nexmark generator to a folder: as JSON about 304 bytes each.
CREATE TABLE generated (
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
  `dateTime` TIMESTAMP(3), extra STRING
) WITH (
  'connector' = 'nexmark',
  'nexmark.events' = 'bid',
  'events.num' = '${events}',
  'bid.avg-size' = '143 b',
  'seed' = '1'
);

CREATE TABLE written (
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
  `dateTime` TIMESTAMP(3), extra STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${output}',
  'format' = '${format}'
);

INSERT INTO written SELECT * FROM generated;
