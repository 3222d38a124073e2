-- Viewing sessions of a video platform: device events in, three results out. See README.md.
SET 'pipeline.name' = 'viewing-sessions';
-- How often results become visible.
SET 'execution.checkpointing.interval' = '2 s';

-- 2,000 simulated devices, 30 times as fast as the clock, with what goes wrong in the field. On real
-- parts only the options change: 'connector' = 'kafka', ...
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

-- The lake: all valid events, in one folder for each tenant and hour.
CREATE TABLE lake (
  tenant_id STRING,
  user_id STRING,
  program_id STRING,
  device STRING,
  session_id STRING,
  event_type STRING,
  event_time TIMESTAMP(3),
  position_ms BIGINT,
  bitrate INT,
  dt STRING
) PARTITIONED BY (tenant_id, dt) WITH (
  'connector' = 'filesystem',
  'path' = 'out/lake',
  'format' = 'json'
);

-- One row for each session, 60 s after its last event.
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
  'path' = 'out/sessions.db'
);

-- How many watched a program in a minute, and how long all of them together.
CREATE TABLE program_minutes (
  tenant_id STRING,
  program_id STRING,
  minute_start TIMESTAMP(3),
  viewers BIGINT,
  watch_seconds BIGINT,
  PRIMARY KEY (tenant_id, program_id, minute_start) NOT ENFORCED
) WITH (
  'connector' = 'sqlite',
  'path' = 'out/sessions.db'
);

EXECUTE STATEMENT SET
BEGIN

INSERT INTO lake
SELECT tenant_id, user_id, program_id, device, session_id, event_type, event_time, position_ms,
       bitrate, DATE_FORMAT(event_time, 'yyyy-MM-dd-HH') AS dt
FROM events;

INSERT INTO sessions
SELECT tenant_id, user_id, program_id, window_start AS start_time, session_id, device,
       TIMESTAMPDIFF(SECOND, MIN(event_time), MAX(event_time)) AS stream_duration,
       COUNT(*) AS events,
       COUNT(*) FILTER (WHERE event_type = 'buffer') AS buffering
FROM TABLE(SESSION(
  TABLE events PARTITION BY (tenant_id, user_id, program_id, device, session_id),
  DESCRIPTOR(event_time), INTERVAL '60' SECOND))
GROUP BY tenant_id, user_id, program_id, device, session_id, window_start, window_end;

-- A device that plays reports each 4 s: every report stands for 4 s of watching.
INSERT INTO program_minutes
SELECT tenant_id, program_id, window_start AS minute_start,
       COUNT(DISTINCT session_id) AS viewers,
       COUNT(*) FILTER (WHERE event_type IN ('play', 'heartbeat', 'seek')) * 4 AS watch_seconds
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
GROUP BY tenant_id, program_id, window_start, window_end;

END;
