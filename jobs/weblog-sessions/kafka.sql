-- Hits go to a Kafka topic, each once; the log is a folder that is watched. Run first:
--   KAFKA=host:9092 millrace run -i kafka.sql job.sql
SET 'millrace.table.access_log.path' = 'logs/';
SET 'millrace.table.access_log.source.monitor-interval' = '1 s';

-- How often a transaction is committed: readers that want committed rows only see a hit this much later.
SET 'execution.checkpointing.interval' = '1 s';
SET 'millrace.table.session_hits.connector' = 'kafka';
SET 'millrace.table.session_hits.topic' = 'session-hits';
SET 'millrace.table.session_hits.properties.bootstrap.servers' = '${env:KAFKA}';
SET 'millrace.table.session_hits.key.format' = 'raw';
SET 'millrace.table.session_hits.key.fields' = 'client_ip';
SET 'millrace.table.session_hits.value.format' = 'json';
SET 'millrace.table.session_hits.sink.delivery-guarantee' = 'exactly-once';
SET 'millrace.table.session_hits.sink.transactional-id-prefix' = 'weblog-sessions';
