-- Sessions of a web shop's visitors, from the access log of an AWS ELB. See README.md.
SET 'pipeline.name' = 'weblog-sessions';

-- A line of a classic ELB access log. Columns that no query reads are not even cut out of the line.
CREATE TABLE access_log (
  event_time TIMESTAMP(3),
  elb STRING,
  client_ip STRING,
  client_port INT,
  backend STRING,
  elb_status STRING,
  received_bytes BIGINT,
  sent_bytes BIGINT,
  `method` STRING,
  url STRING,
  user_agent STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '10' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = 'access.log',
  'format' = 'regex',
  'regex.pattern' = '^(?<event_time>\S+) (?<elb>\S+) (?<client_ip>[^ :]+):(?<client_port>\d+) (?<backend>\S+) \S+ \S+ \S+ (?<elb_status>\S+) \S+ (?<received_bytes>\d+) (?<sent_bytes>\d+) "(?<method>\S+) (?<url>\S+) [^"]*"(?: "(?<user_agent>[^"]*)")?'
);

-- Every hit at once with its session: a new one after 30 minutes of silence, after 24 hours, or after
-- 100,000 hits.
CREATE VIEW hits AS
SELECT client_ip, url, event_time, session_id, session_start, session_position, session_duration
FROM TABLE(SESSIONIZE(
  DATA => TABLE access_log PARTITION BY client_ip,
  TIMECOL => DESCRIPTOR(event_time),
  GAP => INTERVAL '30' MINUTE,
  MAX_DURATION => INTERVAL '24' HOUR,
  MAX_EVENTS => 100000));

CREATE TABLE session_hits (
  client_ip STRING,
  url STRING,
  event_time TIMESTAMP(3),
  session_id BIGINT,
  session_start TIMESTAMP(3),
  session_position BIGINT,
  session_duration BIGINT
) WITH (
  'connector' = 'filesystem',
  'path' = 'out/hits',
  'format' = 'json'
);

-- Totals of each session so far; durations in milliseconds.
CREATE TABLE session_totals (
  client_ip STRING,
  session_id BIGINT,
  session_start TIMESTAMP(3),
  duration BIGINT,
  hits BIGINT,
  distinct_urls BIGINT,
  PRIMARY KEY (client_ip, session_id) NOT ENFORCED
) WITH (
  'connector' = 'sqlite',
  'path' = 'out/weblog.db'
);

EXECUTE STATEMENT SET
BEGIN

INSERT INTO session_hits
SELECT client_ip, url, event_time, session_id, session_start, session_position, session_duration
FROM hits;

INSERT INTO session_totals
SELECT client_ip, session_id,
       MIN(session_start) AS session_start,
       MAX(session_duration) AS duration,
       COUNT(*) AS hits,
       COUNT(DISTINCT url) AS distinct_urls
FROM hits
GROUP BY client_ip, session_id;

END;
