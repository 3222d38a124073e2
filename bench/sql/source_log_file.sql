CREATE TABLE access_log (
  event_time TIMESTAMP(3), client_ip STRING, url STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '10' SECOND
) WITH (
  'connector' = 'filesystem', 'path' = '${input}', 'format' = 'regex',
  'regex.pattern' = '^(?<event_time>\S+) \S+ (?<client_ip>[^ :]+):\d+ \S+ \S+ \S+ \S+ \S+ \S+ \d+ \d+ "\S+ (?<url>\S+) [^"]*"');
