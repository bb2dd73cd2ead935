#!/bin/bash
# Whichever call into the module fails, and however: no wrong verdict, no answer after its deadline,
# and service comes back by itself. PM_SWEEP_STEP=1 tries every n (an hour); PM_SWEEP_FAULT one fault.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
: "${PM_SWEEP_STEP:=29}" "${PM_SWEEP_MOST:=80}" "${PM_SWEEP_FAULT:=}"
start_vault --limit hsm_timeout_ms=400
use_faulty_module test
set_in_section test reload_seconds 0
start_vault

tell "a fault at every ${PM_SWEEP_STEP}th n of each function, under load"
status=0
"$tools/sweep" "$socket" test live "$rules" "$rules_state" "$dir/test.pin" \
	"$PM_SWEEP_MOST" "$PM_SWEEP_STEP" "$PM_SWEEP_FAULT" || status=$?
[ $status -eq 0 ] || fail "the sweep found something: exit status $status"

tell "nothing is in quarantine, and the log verifies"
call 'status { }'
silent_on quarantined
. "$(dirname "$0")/audit.sh"
read_vkey
export_and_verify
