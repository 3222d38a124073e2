-- Viewing sessions in two stages: device events -> sessions -> Parquet files of a lake -> a database,
-- which follows the lake within seconds. See README.md.
SET 'pipeline.name' = 'viewing-sessions-two-stage';
-- How often results become visible: each of the two stages adds this once.
SET 'execution.checkpointing.interval' = '2 s';

-- The same simulated devices as in job.sql.
CREATE TABLE device_events (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  device STRING,
  session_id STRING,
  event_type STRING,
  event_time TIMESTAMP(3),
  position_ms BIGINT,
  bitrate INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
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

-- Rows that every result may trust.
CREATE VIEW events AS
SELECT *
FROM device_events
WHERE event_time IS NOT NULL
  AND tenant_id <> '' AND user_id <> '' AND program_id <> '' AND session_id <> ''
  AND position_ms >= 0
  AND event_type IN ('play', 'heartbeat', 'pause', 'seek', 'buffer', 'stop');

-- The lake, written by the first stage and read by the second: a folder for each tenant and hour. New
-- files are looked for each 5 s.
CREATE TABLE session_lake (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  start_time TIMESTAMP(3),
  session_id STRING,
  device STRING,
  stream_duration INT,
  events BIGINT,
  buffering BIGINT,
  dt STRING
) PARTITIONED BY (tenant_id, dt) WITH (
  'connector' = 'filesystem',
  'path' = 'out/sessions',
  'format' = 'parquet',
  'source.monitor-interval' = '5 s'
);

-- The database.
CREATE TABLE sessions (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  start_time TIMESTAMP(3),
  session_id STRING,
  device STRING,
  stream_duration INT,
  events BIGINT,
  buffering BIGINT,
  PRIMARY KEY (tenant_id, user_id, program_id, device, session_id, start_time) NOT ENFORCED
) WITH (
  'connector' = 'sqlite',
  'path' = 'out/two-stage.db'
);

EXECUTE STATEMENT SET
BEGIN

INSERT INTO session_lake
SELECT tenant_id, user_id, program_id, window_start AS start_time, session_id, device,
       TIMESTAMPDIFF(SECOND, MIN(event_time), MAX(event_time)) AS stream_duration,
       COUNT(*) AS events,
       COUNT(*) FILTER (WHERE event_type = 'buffer') AS buffering,
       DATE_FORMAT(window_start, 'yyyy-MM-dd-HH') AS dt
FROM TABLE(SESSION(
  TABLE events PARTITION BY (tenant_id, user_id, program_id, device, session_id),
  DESCRIPTOR(event_time), INTERVAL '60' SECOND))
GROUP BY tenant_id, user_id, program_id, device, session_id, window_start, window_end;

INSERT INTO sessions
SELECT tenant_id, user_id, program_id, start_time, session_id, device, stream_duration, events,
       buffering
FROM session_lake;

END;
