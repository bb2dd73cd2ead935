#!/bin/bash
# The audit key is rotated: the old log ends with a checkpoint of the old key that names the new one,
# the new log begins with the old root, and who has the first key verifies both. A witness's
# cosignature is kept.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
start_vault
read_vkey
mint live
eventually 30 all_is_signed
cp "$dir/state/audit-checkpoint" "$story_dir/before"

tell "rotated, with changes before and after"
change 'rotate_log { }'
[ -z "$(field error)" ] || fail "$output"
mint live
change 'rotate_log { }'
mint live
verdict_is VALID live "$key"
call 'list_logs { }'
says 'log: 1' 'log: 2' 'log: 3' LOG_CLOSED LOG_OPEN

tell "the first key verifies the whole chain, from before the rotation on"
export_and_verify
expect 0 peppermint audit verify "$export" --key "$vkey" --since "$story_dir/before"

tell "without the old log's last entry the chain is broken"
cp -a "$export" "$story_dir/broken"
rm -r "$story_dir/broken/1"
expect 1 peppermint audit verify "$story_dir/broken" --key "$vkey"

tell "it goes on after a restart"
stop_vault
start_vault
mint live
export_and_verify
stop_vault
log_and_state_agree
