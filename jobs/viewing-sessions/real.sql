-- The two-stage job on real parts: events from Kafka, the lake on S3, the database PostgreSQL. Run first:
--   KAFKA=host:9092 S3_ENDPOINT=https://host:9000 PG_URL=postgresql://user@host/db \
--     millrace run -i real.sql two-stage.sql
-- Credentials of S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of ~/.aws. The bucket
-- and the topic have to be there.
SET 'millrace.table.device_events.connector' = 'kafka';
SET 'millrace.table.device_events.topic' = 'device-events';
SET 'millrace.table.device_events.properties.bootstrap.servers' = '${env:KAFKA}';
SET 'millrace.table.device_events.properties.group.id' = 'viewing-sessions';
SET 'millrace.table.device_events.scan.startup.mode' = 'earliest-offset';
SET 'millrace.table.device_events.format' = 'json';

SET 'millrace.table.session_lake.path' = 's3://lake/viewing/sessions';
SET 's3.endpoint' = '${env:S3_ENDPOINT}';

SET 'millrace.table.sessions.connector' = 'postgres';
SET 'millrace.table.sessions.url' = '${env:PG_URL}';
SET 'millrace.table.sessions.table-name' = 'sessions';
SET 'millrace.table.sessions.sink.create-table' = 'true';
