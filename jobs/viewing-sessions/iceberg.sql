-- The two-stage job with an Iceberg table as its lake, on real parts: instead of real.sql. The catalog is an SQLite
-- database, the data lies on S3. Run first:
--   KAFKA=host:9092 S3_ENDPOINT=https://host:9000 PG_URL=postgresql://user@host/db \
--     millrace run -i iceberg.sql two-stage.sql
SET 'millrace.table.device_events.connector' = 'kafka';
SET 'millrace.table.device_events.topic' = 'device-events';
SET 'millrace.table.device_events.properties.bootstrap.servers' = '${env:KAFKA}';
SET 'millrace.table.device_events.properties.group.id' = 'viewing-sessions';
SET 'millrace.table.device_events.scan.startup.mode' = 'earliest-offset';
SET 'millrace.table.device_events.format' = 'json';

SET 'millrace.table.session_lake.connector' = 'iceberg';
SET 'millrace.table.session_lake.catalog-type' = 'jdbc';
SET 'millrace.table.session_lake.uri' = 'jdbc:sqlite:catalog.db';
SET 'millrace.table.session_lake.warehouse' = 's3://lake/iceberg';
SET 'millrace.table.session_lake.streaming' = 'true';
SET 'millrace.table.session_lake.monitor-interval' = '5 s';
SET 's3.endpoint' = '${env:S3_ENDPOINT}';

SET 'millrace.table.sessions.connector' = 'postgres';
SET 'millrace.table.sessions.url' = '${env:PG_URL}';
SET 'millrace.table.sessions.table-name' = 'sessions';
SET 'millrace.table.sessions.sink.create-table' = 'true';
