CREATE TABLE heartbeat (
  user_id STRING, program_id STRING, device STRING, event_time TIMESTAMP(3), bitrate INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${input}', 'format' = '${format}');
