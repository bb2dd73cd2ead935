#!/bin/bash
# Whatever many clients do to the same keys at once, no verify succeeds that began after a revoke, a
# disabling or the end of an overlap had returned, none is refused without a cause, and no key has more
# than two live secrets. A thousand keys and five minutes: LIFECYCLE='1000 16 300'.
. "$(dirname "$0")/lib.sh"
start_vault
read -r keys clients seconds <<<"${LIFECYCLE:-100 16 15}"

tell "$clients clients change and verify $keys keys for $seconds seconds"
expect 0 "$tools/lifecycle" "$socket" live "$keys" "$clients" "$seconds"
echo "$output"
says 'violations: 0, errors: 0'
