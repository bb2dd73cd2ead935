#!/bin/bash
# kill -9 of the vault, again and again, while it mints and revokes: what was acknowledged is there
# afterwards, what was not is wholly there or not at all, the audit log tells of exactly that, and no
# two of its checkpoints conflict. PM_KILLS is how often.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/audit.sh"
: "${PM_KILLS:=20}"
start_vault
read_vkey
lines=0
mkdir "$story_dir/checkpoints"
eventually 10 test -e "$dir/state/audit-checkpoint"

gone()
{
	! process_runs "$1" peppermintd
}

one_kill()
{
	local ledger=$story_dir/ledger hammer victim
	: >"$ledger"
	"$tools/hammer" "$socket" live "$1" 8 600 >"$ledger" 2>"$story_dir/hammer.log" &
	hammer=$!
	eventually 30 grep -q revoked "$ledger"
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	victim=$(vault_pid)
	kill -KILL "$victim" "$hammer"
	wait "$hammer" 2>/dev/null || true
	eventually 30 gone "$victim"
	[ ! -s "$story_dir/hammer.log" ] || fail "$(cat "$story_dir/hammer.log")"
	cp "$dir/state/audit-checkpoint" "$story_dir/checkpoints/$1"
	start_vault
	expect 0 "$tools/reckon" "$socket" live <"$ledger"
	lines=$((lines + $(grep -cE '^(minted|revoked)' "$ledger")))
	echo "  kill $1: $output"
}

tell "$PM_KILLS kills"
for ((n = 1; n <= PM_KILLS; n++)); do
	one_kill "$n"
done
echo "  $lines acknowledged changes in all"

tell "no signer outlived its vault"
stop_vault
signers_of_this_vault()
{
	local found
	found=$(grep -lsF "$dir/bin/peppermint-signer" /proc/[0-9]*/cmdline) || true
	[ -n "$found" ] && echo "$found"
}
! signers_of_this_vault || fail "these still run"

tell "the database is whole, and no mint was executed twice"
[ "$(database 'PRAGMA integrity_check')" = ok ] || fail "integrity_check"
[ "$(database 'SELECT count(*) FROM (SELECT 1 FROM api_key GROUP BY account HAVING count(*) > 1)')" = 0 ] ||
	fail "a mint was executed twice"
[ "$(database 'SELECT count(*) FROM api_key
	WHERE id NOT IN (SELECT subject FROM executed WHERE rpc = 17)')" = 0 ] ||
	fail "a key is there and its request id is not"

tell "log and state agree exactly"
log_and_state_agree
echo "  $(database 'SELECT count(*) FROM audit_leaf') entries"

tell "and it starts with nothing in quarantine"
start_vault
call 'status { }'
silent_on quarantined
silent_on orphaned

tell "the log verifies, and continues every checkpoint that a kill left behind"
export_and_verify
for checkpoint in "$story_dir/checkpoints/"*; do
	expect 0 peppermint audit verify "$export" --key "$vkey" --since "$checkpoint"
done
