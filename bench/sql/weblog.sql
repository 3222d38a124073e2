-- Weblog sessions: a session id, position and running duration for every line of an AWS ELB access log.
${source}
CREATE TABLE result (
  client_ip STRING, url STRING, event_time TIMESTAMP(3), session_id BIGINT,
  session_start TIMESTAMP(3), session_position BIGINT, session_duration BIGINT
) WITH ('connector' = 'blackhole');

INSERT INTO result
SELECT client_ip, url, event_time, session_id, session_start, session_position, session_duration
FROM TABLE(SESSIONIZE(
  DATA => TABLE access_log PARTITION BY client_ip,
  TIMECOL => DESCRIPTOR(event_time),
  GAP => INTERVAL '30' MINUTE,
  MAX_DURATION => INTERVAL '24' HOUR,
  MAX_EVENTS => 100000));
