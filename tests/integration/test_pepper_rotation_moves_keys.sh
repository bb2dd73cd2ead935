#!/bin/bash
# A pepper rotation invalidates nothing: what the old version hashed verifies, and a key moves to the
# new version when it is next used.
. "$(dirname "$0")/lib.sh"
start_vault

pepper_version_is()
{
	call "get_key { environment: \"test\" key_id: \"$2\" }"
	[ "$(field pepper_version)" = "$1" ] || fail "under version $(field pepper_version), not $1"
}

tell "keys minted before a rotation are under version 1"
mint test
used=$key used_id=$key_id
mint test
dormant=$key dormant_id=$key_id
pepper_version_is 1 "$used_id"

tell "after it new keys are under version 2, and old ones move when they verify"
change 'rotate_pepper { environment: "test" name: "api-keys" }'
mint test
pepper_version_is 2 "$key_id"
pepper_version_is 1 "$used_id"
verdict_is VALID test "$used"
pepper_version_is 2 "$used_id"
pepper_version_is 1 "$dormant_id"

tell "a refused attempt moves nothing"
last=${dormant: -1}
verdict test "${dormant%?}$([ "$last" = A ] && echo B || echo A)"
pepper_version_is 1 "$dormant_id"

tell "the other environment's pepper stays as it was"
call 'list_peppers { environment: "live" }'
[ "$(grep -c 'check_value:' <<<"$output")" -eq 1 ] || fail "live has another pepper version"

tell "a second rotation and a restart later all of them verify"
change 'rotate_pepper { environment: "test" name: "api-keys" }'
stop_vault
start_vault
verdict_is VALID test "$used"
verdict_is VALID test "$dormant"
pepper_version_is 3 "$dormant_id"

tell "a hash of an older version matches and says that it is outdated"
change 'create_pepper { environment: "test" name: "pan" }'
call 'hash { environment: "test" pepper: "pan" values: "4111111111111111" }'
hash=$(field hashes)
change 'rotate_pepper { environment: "test" name: "pan" }'
call "verify_hash { environment: \"test\" pepper: \"pan\" items { value: \"4111111111111111\" hash: \"$hash\" } }"
says 'match: true' 'outdated: true'
call 'hash { environment: "test" pepper: "pan" values: "4111111111111111" }'
[[ $(field hashes) == v2:* ]] || fail "new hashes are not under version 2"
