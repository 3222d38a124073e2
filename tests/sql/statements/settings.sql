-- SET and RESET; unknown keys are errors with the nearest name.
SET 'table.local-time-zone' = 'Asia/Shanghai';
SET;
-- expect text
--   'table.local-time-zone' = 'Asia/Shanghai'
SELECT CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING);
-- expect
--   1970-01-01 08:00:00.000
RESET 'table.local-time-zone';
SELECT CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING);
-- expect
--   1970-01-01 00:00:00.000
SET 'table.local-time-zon' = 'UTC';
-- expect error: did you mean 'table.local-time-zone'?
SET 'table.local-time-zone' = 'Mars/Olympus';
-- expect error: Mars/Olympus
RESET;
