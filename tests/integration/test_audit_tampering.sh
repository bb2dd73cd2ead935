#!/bin/bash
# Whoever writes to the database's audit rows is noticed, and the entry named.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
start_vault
read_vkey
for ((i = 0; i < 20; i++)); do
	mint live
done
export_and_verify
stop_vault
cp -a "$dir/state" "$story_dir/good"

# altered SQL: the database with that done to it, and the vault started on it.
altered()
{
	tell "$1"
	rm -rf "$dir/state" "$story_dir/export"
	cp -a "$story_dir/good" "$dir/state"
	database "$2"
	start_vault
}

altered "a byte of an entry" \
	"UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), '\"ts\":\"2', '\"ts\":\"3') AS BLOB)
	 WHERE position & 0xffffffff = 12"
eventually 30 audit_is AUDIT_ALTERED
call 'status { }'
says 12
expect 3 peppermint audit export "$story_dir/export"
says AUDIT_BLOCKED
stop_vault

altered "a byte of a stored hash" \
	"UPDATE audit_leaf SET hash = randomblob(32) WHERE position & 0xffffffff = 7"
eventually 30 audit_is AUDIT_ALTERED
call 'status { }'
says 7
stop_vault

altered "the last entry deleted" \
	"DELETE FROM audit_leaf WHERE position = (SELECT max(position) FROM audit_leaf)"
eventually 30 audit_is AUDIT_ALTERED
change 'mint_key { environment: "live" account: "acme" }'
says AUDIT_BLOCKED
stop_vault

altered "one in the middle deleted" "DELETE FROM audit_leaf WHERE position & 0xffffffff = 9"
eventually 30 audit_is AUDIT_ALTERED
stop_vault

altered "two swapped" \
	"UPDATE audit_leaf SET position = -1 WHERE position & 0xffffffff = 9;
	 UPDATE audit_leaf SET position = position - 1 WHERE position & 0xffffffff = 10;
	 UPDATE audit_leaf SET position = (SELECT min(position) + 10 FROM audit_leaf WHERE position > 0)
	 WHERE position = -1"
eventually 30 audit_is AUDIT_ALTERED
stop_vault

altered "the signed checkpoint given another root" \
	"UPDATE audit_checkpoint SET root = randomblob(32)"
eventually 30 audit_is AUDIT_ALTERED
stop_vault

tell "yesterday's database put back: nothing is served or signed, and nothing deleted"
rm -rf "$dir/state"
cp -a "$story_dir/good" "$dir/state"
start_vault
mint live
eventually 30 all_is_signed
expect 0 peppermint audit export "$story_dir/export"
stop_vault
for file in "$story_dir/good/"peppermint.db*; do
	cp "$file" "$dir/state/"
done
rm -f "$dir/state/"peppermint.db-wal "$dir/state/"peppermint.db-shm
start_vault
eventually 30 audit_is AUDIT_ALTERED
change 'mint_key { environment: "live" account: "acme" }'
says AUDIT_BLOCKED
call 'status { }'
says backup
stop_vault

tell "put back with the anchor as well: the newer export tells"
cp "$story_dir/good/audit-checkpoint" "$dir/state/"
start_vault
mint live
expect 1 peppermint audit export "$story_dir/export"
says backup
eventually 30 audit_is AUDIT_ALTERED
change 'mint_key { environment: "live" account: "acme" }'
says AUDIT_BLOCKED
stop_vault

tell "--new-log goes on in a new log that says what was lost"
"$PEPPERMINT_BUILD/bin/peppermintd" --config "$dir/peppermintd.conf" --new-log \
	>>"$dir/peppermintd.log" 2>&1 &
pid=$!
echo $pid >"$dir/peppermintd.pid"
eventually 30 audit_is AUDIT_GOOD
mint live
call 'list_logs { }'
says LOG_ABANDONED LOG_OPEN
expect 0 peppermint audit search --type log.open
says '"abandoned":true'
stop_vault

tell "an old entry, altered while the vault runs, is found by its hourly reading; the service goes on"
rm -rf "$dir/state" "$story_dir/export"
cp -a "$story_dir/good" "$dir/state"
start_vault
for ((i = 0; i < 260; i++)); do
	echo "version: 1 request_id: \"many-$i\" mint_key { environment: \"test\" account: \"many\" }"
done | while IFS= read -r line; do
	encode "${line#version: 1}" >"$story_dir/request"
	send_nanocat "$story_dir/request" >"$story_dir/reply"
done
eventually 30 all_is_signed
database ".timeout 5000" "UPDATE audit_leaf SET entry = CAST(replace(CAST(entry AS TEXT), '\"ts\":\"2', '\"ts\":\"3') AS BLOB)
	 WHERE position & 0xffffffff = 12"
eventually 60 audit_is AUDIT_ALTERED
call 'status { }'
says 'entry 12'
mint live
verdict_is VALID live "$key"
expect 0 peppermint audit tail --lines 20
says log.damage
expect 1 peppermint audit export "$story_dir/export"
