#!/usr/bin/env bash
# The main job at work: a simulated video platform's heartbeats become sessions, live in the terminal.
# Runs until Ctrl-C, or for: make demo ARGS="--for 60s"
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.cache/demo
rm -rf "$folder" && mkdir -p "$folder"
echo "running jobs/viewing-sessions/job.sql in $folder (Ctrl-C ends it cleanly)"
program=$PWD/build/millrace
job=$PWD/jobs/viewing-sessions/job.sql
(cd "$folder" && "$program" run --show --folder job "$@" "$job")
cat <<EOF

The results, from $PWD:
  raw events   ls $folder/out/lake/tenant_id=*/dt=*/part-*
  sessions     sqlite3 $folder/out/sessions.db "SELECT * FROM sessions ORDER BY start_time DESC LIMIT 10"
  per minute   sqlite3 $folder/out/sessions.db "SELECT * FROM program_minutes LIMIT 10"
  bad rows     build/millrace sql --folder $folder/job -e 'SELECT source, reason, \`row\` FROM \`\$dead_letter\` LIMIT 10'
  late rows    build/millrace sql --folder $folder/job -e 'SELECT \`time\`, watermark, \`row\` FROM \`\$late\` LIMIT 10'
EOF
