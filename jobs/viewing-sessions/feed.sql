-- Fills a Kafka topic with the events of simulated devices, where there are no real ones. Run:
--   KAFKA=host:9092 millrace run feed.sql
SET 'pipeline.name' = 'viewing-feed';
SET 'execution.checkpointing.interval' = '1 s';

CREATE TABLE devices (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  device STRING,
  session_id STRING,
  event_type STRING,
  event_time TIMESTAMP(3),
  position_ms BIGINT,
  bitrate INT
) WITH (
  'connector' = 'viewing',
  'devices' = '2000',
  'speedup' = '30',
  'disorder' = '0.05',
  'disorder.max' = '8 s',
  'duplicates' = '0.01',
  'silence' = '0.1',
  'broken' = '0.001'
);

-- A device's events stay in their order: they share a partition.
CREATE TABLE device_events (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  device STRING,
  session_id STRING,
  event_type STRING,
  event_time TIMESTAMP(3),
  position_ms BIGINT,
  bitrate INT
) WITH (
  'connector' = 'kafka',
  'topic' = 'device-events',
  'properties.bootstrap.servers' = '${env:KAFKA}',
  'key.format' = 'raw',
  'key.fields' = 'session_id',
  'value.format' = 'json'
);

INSERT INTO device_events SELECT * FROM devices;
