-- Viewing sessions: closed 60 s after the last heartbeat of a user's device on a program.
${source}
CREATE TABLE sessions (
  user_id STRING, program_id STRING, device STRING, start_time TIMESTAMP(3),
  stream_duration INT, heartbeats BIGINT
) WITH ('connector' = 'blackhole');

INSERT INTO sessions
SELECT user_id, program_id, device, window_start AS start_time,
       TIMESTAMPDIFF(SECOND, MIN(event_time), MAX(event_time)) AS stream_duration,
       COUNT(*) AS heartbeats
FROM TABLE(SESSION(TABLE heartbeat PARTITION BY (user_id, program_id, device),
                   DESCRIPTOR(event_time), INTERVAL '60' SECOND))
GROUP BY user_id, program_id, device, window_start, window_end;
