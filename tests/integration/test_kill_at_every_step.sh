#!/bin/bash
# kill -9 of the vault at every step of creating, rotating, rewrapping and destroying a pepper: before
# and after each call that the step makes into the module. Afterwards no key is lost, no version is
# served in a wrong state, what is left in the token is reported as an orphan, and the step can be
# taken again. PM_STEP leaves some out; below 9 the pepper runs out of its 64 versions.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
: "${PM_STEP:=41}"
start_vault --limit hsm_timeout_ms=30000
mint test
used=$key
use_faulty_module test
start_vault

gone()
{
	! process_runs "$1" peppermintd
}

# reached: the armed rule holds a call, or the command has ended.
held()
{
	grep -qE 'fired=[1-9]' "$rules_state" 2>/dev/null
}
held_or_ended()
{
	held || ! kill -0 "$command" 2>/dev/null
}

# Exactly one ACTIVE version, and none that is not in the token.
states_are_sound()
{
	expect 0 peppermint pepper usage --env test "$1" --json
	[ "$(jq '[.[] | select(.state == "ACTIVE")] | length' <<<"$output")" -eq "$2" ] ||
		fail "$1 has not $2 active versions: $output"
}

objects()
{
	SOFTHSM2_CONF=$dir/softhsm2.conf USER_PIN=$(<"$dir/test.pin") pkcs11-tool --module "$softhsm" \
		--token-label peppermint-test --login --pin env:USER_PIN --list-objects --type secrkey \
		2>/dev/null | sed -nE 's/^ *label: *//p' | sort
}

# Every object with our label is named by a record whose key must be in the token, or is an orphan.
none_unreported()
{
	local in_token named orphans
	in_token=$(objects | wc -l)
	expect 0 peppermint status --json
	orphans=$(jq '.environments[] | select(.name == "test") | .orphaned_objects' <<<"$output")
	expect 0 peppermint master list --env test --json
	named=$(jq '[.[] | select(.purpose != "audit" or .name != "log")
		| select(.state != "DESTROYED")] | length' <<<"$output")
	[ "$in_token" -eq $((named + orphans)) ] ||
		fail "$in_token objects, $named named, $orphans orphans: $(objects)"
}

settle_orphans()
{
	local id label
	expect 0 peppermint hsm inventory --env test --json
	jq -r '.rows[] | select(.orphan) | .id + " " + .label' <<<"$output" >"$story_dir/orphans"
	while read -r id label; do
		expect 0 peppermint hsm destroy-orphan --env test "$id" --label "$label"
	done <"$story_dir/orphans"
	expect 0 peppermint status --json
	[ "$(jq '.environments[] | select(.name == "test") | .orphaned_objects' <<<"$output")" -eq 0 ] ||
		fail "orphans are left"
}

# killed_when RULE COMMAND...: whether the vault was killed while the rule held the command. The vault
# itself calls the module now and then, so what is held may be a call of its own: whenever the command
# ends first it has had all the calls it needs.
killed_when()
{
	local victim ended=
	rule "$1"
	shift
	"$@" >"$story_dir/command" 2>&1 &
	command=$!
	eventually 40 held_or_ended
	sleep 0.05
	kill -0 "$command" 2>/dev/null || ended=yes
	victim=$(vault_pid)
	# shellcheck disable=SC2046 # one word for each child
	kill -KILL "$victim" $(children_of "$command" 2>/dev/null) "$command" 2>/dev/null || true
	wait "$command" 2>/dev/null || true
	eventually 30 gone "$victim"
	rule ''
	start_vault
	eventually 20 environment_is SERVING test
	[ -z "$ended" ]
}

# at_every_step NAME COMMAND...: kills the vault when the n-th call into the module is about to begin,
# or has just ended, for each n until the command has all the calls it needs. Before each try `prepare`
# runs, and `check` when the vault is back.
at_every_step()
{
	local name=$1 n when going kills=0
	shift
	for when in '' 'after '; do
		going=yes
		for ((n = 1; ${#going} > 0; n += PM_STEP)); do
			prepare
			killed_when "any nth=$n ${when}hang" "$@" || going=
			kills=$((kills + 1))
			verdict_is VALID test "$used"
			check
			none_unreported
			settle_orphans
		done
	done
	echo "  $name: $kills kills, the last at call $((n - PM_STEP))"
	[ $kills -gt 2 ] || fail "$name was never stopped"
}

tell "create"
number=1
# Another name once the last was made: there are 32 names at most, and 64 versions of each.
prepare()
{
	expect 0 peppermint pepper list --env test --json
	! jq -e ".. | objects | select(.name? == \"p$number\")" <<<"$output" | grep -q ACTIVE ||
		number=$((number + 1))
}
check()
{
	expect 0 peppermint pepper list --env test
}
create()
{
	peppermint pepper create --env test "p$number"
}
at_every_step create create

tell "rotate"
prepare()
{
	:
}
check()
{
	states_are_sound api-keys 1
}
at_every_step rotate peppermint pepper rotate --env test api-keys
states_are_sound api-keys 1

tell "rewrap"
prepare()
{
	# A key that is under an older version, so that there is something to wrap.
	mint test
	dormant=$key
	expect 0 peppermint pepper rotate --env test api-keys
}
check()
{
	eventually 20 verifies test "$dormant"
	states_are_sound api-keys 1
}
PM_STEP=$((PM_STEP * 2)) at_every_step rewrap peppermint pepper rewrap --env test api-keys

tell "destroy"
expect 0 peppermint pepper create --env test gone
expect 0 peppermint pepper rotate --env test gone
prepare()
{
	expect 0 peppermint pepper rotate --env test gone
}
oldest()
{
	expect 0 peppermint pepper usage --env test gone --json
	jq '[.[] | select(.state == "VERIFY_ONLY")][0].version' <<<"$output"
}
check()
{
	states_are_sound gone 1
}
is_destroyed()
{
	[ "$(peppermint pepper usage --env test gone --json |
		jq -r ".[] | select(.version == $1) | .state")" = DESTROYED ]
}
destroy_oldest()
{
	local version
	version=$(oldest)
	peppermint pepper destroy --env test gone --version "$version" --after 1s --force &&
		eventually 30 is_destroyed "$version"
}
at_every_step destroy destroy_oldest

tell "nothing is lost, and the log agrees"
verdict_is VALID test "$used"
. "$(dirname "$0")/audit.sh"
read_vkey
export_and_verify
call 'status { }'
silent_on quarantined
