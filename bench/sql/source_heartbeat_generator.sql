CREATE TABLE heartbeat (
  user_id STRING, program_id STRING, device STRING, event_time TIMESTAMP(3), bitrate INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'viewing', 'devices' = '100000', 'events' = '${events}',
        'disorder' = '0.05', 'disorder.max' = '5 s', 'seed' = '1');
