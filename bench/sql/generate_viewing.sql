-- Writes ${events} heartbeats of 100,000 devices to a folder: about 120 bytes each, 5 % out of order.
CREATE TABLE generated (
  user_id STRING, program_id STRING, device STRING, event_time TIMESTAMP(3), bitrate INT
) WITH (
  'connector' = 'viewing',
  'devices' = '100000',
  'events' = '${events}',
  'disorder' = '0.05',
  'disorder.max' = '5 s',
  'seed' = '1'
);

CREATE TABLE written (
  user_id STRING, program_id STRING, device STRING, event_time TIMESTAMP(3), bitrate INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${output}',
  'format' = '${format}'
);

INSERT INTO written SELECT * FROM generated;
