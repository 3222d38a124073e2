-- Sessions and program minutes go to PostgreSQL; the lake stays in files. Run first:
--   PG_URL=postgresql://user@host/db millrace run -i postgres.sql job.sql
SET 'millrace.table.sessions.connector' = 'postgres';
SET 'millrace.table.sessions.url' = '${env:PG_URL}';
SET 'millrace.table.sessions.table-name' = 'sessions';
SET 'millrace.table.sessions.sink.create-table' = 'true';

SET 'millrace.table.program_minutes.connector' = 'postgres';
SET 'millrace.table.program_minutes.url' = '${env:PG_URL}';
SET 'millrace.table.program_minutes.table-name' = 'program_minutes';
SET 'millrace.table.program_minutes.sink.create-table' = 'true';
