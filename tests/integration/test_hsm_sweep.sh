#!/bin/bash
# Whichever call into the module fails, and however: no wrong verdict, no answer after its deadline,
# and service comes back by itself. Each build tries a third of all pairs of function and fault;
# PM_SWEEP_SHARE=0/1 PM_SWEEP_STEP=1 PM_SWEEP_MOST=60 is everything (hours), PM_SWEEP_FAULT=hang one fault.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
case ${PM_SANITIZE:-} in
*address*) share=0/3 ;;
*thread*) share=1/3 ;;
*) share=2/3 ;;
esac
: "${PM_SWEEP_STEP:=3}" "${PM_SWEEP_MOST:=4}" "${PM_SWEEP_FAULT:=}" "${PM_SWEEP_SHARE:=$share}"
start_vault --limit hsm_timeout_ms=400
use_faulty_module test
set_in_section test reload_seconds 0
set_in_section test sessions 3
start_vault

tell "faults under load: n = 1, 1 + $PM_SWEEP_STEP, … up to $PM_SWEEP_MOST, share $PM_SWEEP_SHARE"
status=0
"$tools/sweep" "$socket" test live "$rules" "$rules_state" "$dir/test.pin" \
	"$PM_SWEEP_MOST" "$PM_SWEEP_STEP" "${PM_SWEEP_SHARE%/*}" "${PM_SWEEP_SHARE#*/}" \
	"$PM_SWEEP_FAULT" || status=$?
[ $status -eq 0 ] || fail "the sweep found something: exit status $status"

tell "nothing is in quarantine, and the log verifies"
call 'status { }'
silent_on quarantined
. "$(dirname "$0")/audit.sh"
read_vkey
export_and_verify
