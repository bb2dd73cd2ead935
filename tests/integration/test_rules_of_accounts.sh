#!/bin/bash
# What platforms promise about who may have keys, and who may manage them.
. "$(dirname "$0")/rules.sh"
start_vault --environment accounts=registered
pin=2718-28

rule 48 'no key before onboarding is complete and the account approved'
account live acme 'status: ACCOUNT_ONBOARDING first_product: "payments"
	products { name: "payments" enabled: true } products { name: "payouts" enabled: false }'
refused ACCOUNT_NOT_APPROVED 'mint_key { environment: "live" account: "acme" product: "payments" }'
refused ACCOUNT_NOT_APPROVED 'mint_key { environment: "live" account: "nobody" product: "payments" }'

rule 24 'before activation there is no client id, and the account says so'
read_ 'get_account { environment: "live" id: "acme" }'
says 'pending_activation: true'
silent_on client_id

rule 29 'approval makes the first key by itself'
changed_account live acme 'status: ACCOUNT_PENDING'
changed_account live acme 'status: ACCOUNT_APPROVED'
first=$(field api_key)
first_id=$(field client_id)
[[ $first == "ak_live_${first_id}_"* ]]
silent_on pending_activation
verdict_is VALID live "$first"
changed_account live acme 'set_name: true name: "Acme GmbH"'
silent_on ak_live_

rule 47 'a key needs its product activated by the platform'
refused PRODUCT_NOT_ENABLED 'mint_key { environment: "live" account: "acme" product: "payouts" }'
refused PRODUCT_NOT_ENABLED 'mint_key { environment: "live" account: "acme" product: "loans" }'
changed_account live acme 'products { name: "payouts" enabled: true }'

rule 46 'each product has keys of its own'
done_ 'mint_key { environment: "live" account: "acme" product: "payouts" }'
payouts=$(field api_key)
presented WRONG_PRODUCT live "api_key: \"$payouts\" product: \"payments\""
presented VALID live "api_key: \"$payouts\" product: \"payouts\""

rule 47 'disabling a product stops its keys at the next verify, and enabling brings them back'
changed_account live acme 'products { name: "payouts" enabled: false }'
verdict_is PRODUCT_DISABLED live "$payouts"
verdict_is VALID live "$first"
changed_account live acme 'products { name: "payouts" enabled: true }'
verdict_is VALID live "$payouts"

rule 48 'suspending the account stops its keys at the next verify, and lifting that brings them back'
changed_account live acme 'status: ACCOUNT_SUSPENDED'
verdict_is ACCOUNT_INACTIVE live "$first"
refused ACCOUNT_NOT_APPROVED 'mint_key { environment: "live" account: "acme" product: "payments" }'
changed_account live acme 'status: ACCOUNT_APPROVED'
verdict_is VALID live "$first"
refused CONFLICT 'update_account { environment: "live" id: "acme" status: ACCOUNT_ONBOARDING }'

rule 48 'closing an account revokes its keys for good, and loses nothing of them'
account live closing
mint_for live closing
gone=$key gone_id=$key_id
changed_account live closing 'status: ACCOUNT_CLOSED'
verdict live "$gone"
[ "$verdict" = ACCOUNT_IS_CLOSED ] || [ "$verdict" = REVOKED ] || fail "$verdict"
refused CONFLICT 'update_account { environment: "live" id: "closing" status: ACCOUNT_APPROVED }'
eventually 30 judged REVOKED live "$gone"
read_ 'list_keys { environment: "live" account: "closing" }'
says "id: \"$gone_id\"" KEY_REVOKED

rule 49 'operators are registered by the platform, with roles and a PIN'
operator()
{
	done_ "create_operator { environment: \"live\" id: \"$1\" new_pin: \"$pin\"
		grants { account: \"$2\" role: $3 } }"
}
operator sue acme SUPERADMIN
operator adam acme ADMIN
operator vera acme VIEWER
operator otto acme OPERATOR_AUDITOR
operator eve globex SUPERADMIN
account live globex
roles_are portal verifier

rule 49 'Superadmin and Admin view, generate and regenerate; to others the keys are not there'
for who in sue adam; do
	read_ "operator: \"$who\" get_key { environment: \"live\" key_id: \"$first_id\" }"
	read_ "operator: \"$who\" list_keys { environment: \"live\" account: \"acme\" }"
	says "$first_id"
done
for who in vera otto eve nobody ''; do
	asked NOT_FOUND "operator: \"$who\" get_key { environment: \"live\" key_id: \"$first_id\" }"
	asked NOT_FOUND "operator: \"$who\" list_keys { environment: \"live\" account: \"acme\" }"
	refused NOT_FOUND "operator: \"$who\" rotate_key { environment: \"live\" key_id: \"$first_id\" }"
	refused NOT_FOUND "operator: \"$who\" mint_key { environment: \"live\" account: \"acme\" product: \"payments\" }"
done
read_ 'operator: "vera" get_account { environment: "live" id: "acme" }'
asked NOT_FOUND 'operator: "eve" get_account { environment: "live" id: "acme" }'
verdict_is VALID live "$first"

rule 50 'generating takes a confirmation and the PIN'
mint_call='mint_key { environment: "live" account: "acme" product: "payments" }'
refused STEP_UP_REQUIRED "operator: \"adam\" $mint_call"
refused STEP_UP_REQUIRED "operator: \"adam\" pin: \"$pin\" $mint_call"
confirmed live ACT_MINT acme/payments 'operator: "adam"'
says 'pin_needed: true'
refused STEP_UP_REQUIRED "operator: \"adam\" confirmation: \"$confirmation\" $mint_call"
confirmed live ACT_MINT acme/payments 'operator: "adam"'
done_ "operator: \"adam\" confirmation: \"$confirmation\" pin: \"$pin\" $mint_call"
key=$(field api_key) key_id=$(field id)
says 'created_by: "developer/adam"'
verdict_is VALID live "$key"

rule 51 'an additional key is generated, and one that is there regenerated'
confirmed live ACT_ROTATE "$key_id" 'operator: "sue"'
done_ "operator: \"sue\" confirmation: \"$confirmation\" pin: \"$pin\" rotate_key { environment: \"live\" key_id: \"$key_id\" }"
verdict_is VALID live "$(field api_key)"
verdict live "$key"
[ "$verdict" != VALID ]

rule 50 'a confirmation is bound to its operator, act and subject'
confirmed live ACT_REVOKE "$key_id" 'operator: "adam"'
refused STEP_UP_REQUIRED "operator: \"sue\" confirmation: \"$confirmation\" pin: \"$pin\" revoke_key { environment: \"live\" key_id: \"$key_id\" }"
confirmed live ACT_ROTATE "$key_id" 'operator: "adam"'
refused STEP_UP_REQUIRED "operator: \"adam\" confirmation: \"$confirmation\" pin: \"$pin\" revoke_key { environment: \"live\" key_id: \"$key_id\" }"

rule 50 'three wrong PINs lock, also across a restart, and nothing is tried while it is locked'
wrong()
{
	confirmed live ACT_REVOKE "$key_id" 'operator: "adam"'
	refused "$1" "operator: \"adam\" confirmation: \"$confirmation\" pin: \"$2\" revoke_key { environment: \"live\" key_id: \"$key_id\" }"
}
wrong PIN_WRONG 0000
wrong PIN_WRONG 0001
wrong PIN_WRONG 0002
wrong PIN_LOCKED "$pin"
restart_vault
wrong PIN_LOCKED "$pin"
confirmed live ACT_REVOKE "$key_id" 'operator: "sue"'
done_ "operator: \"sue\" confirmation: \"$confirmation\" pin: \"$pin\" revoke_key { environment: \"live\" key_id: \"$key_id\" }"

rule 50 'a PIN that is resent is tried once'
fresh_id
confirmed live ACT_ROTATE "$first_id" 'operator: "sue"'
for _ in 1 2 3 4; do
	call "request_id: \"$request_id\" operator: \"sue\" confirmation: \"$confirmation\" pin: \"1111\" rotate_key { environment: \"live\" key_id: \"$first_id\" }"
	[ "$(field error)" = PIN_WRONG ]
done
roles_are staff auditor
read_ 'list_operators { environment: "live" account: "acme" }'
sed -n '/id: "sue"/,/^  }/p' <<<"$output" | grep -q 'failures: 1$'

rule 50 'the log has the wrong PINs and the lock, and no PIN'
expect 0 peppermint audit search --type pin.
says pin.wrong pin.lock
silent_on "$pin"

rule 49 'who grants roles has them, and takes the second step'
roles_are portal
refused NOT_FOUND 'operator: "adam" create_operator { environment: "live" id: "mole" grants { account: "acme" role: SUPERADMIN } }'
confirmed live ACT_OPERATORS mole 'operator: "sue"'
refused NOT_FOUND "operator: \"sue\" confirmation: \"$confirmation\" pin: \"$pin\" create_operator { environment: \"live\" id: \"mole\" grants { account: \"globex\" role: VIEWER } }"
confirmed live ACT_OPERATORS newbie 'operator: "sue"'
done_ "operator: \"sue\" confirmation: \"$confirmation\" pin: \"$pin\" create_operator { environment: \"live\" id: \"newbie\" grants { account: \"acme\" role: VIEWER } }"

rule 9 'a test credential does not manage live keys, unless the policy says so'
roles_are staff issuer
account test acme
mint_for test acme
test_key=$key
mint_for live acme
live_key=$key live_id=$key_id
policy live step_up none
restart_vault
roles_are portal verifier
as_test="authorization: \"Bearer $test_key\""
as_live="authorization: \"Bearer $live_key\""
refused NOT_FOUND "$as_test mint_key { environment: \"live\" account: \"acme\" product: \"payments\" }"
asked NOT_FOUND "$as_test list_keys { environment: \"live\" account: \"acme\" }"
refused NOT_FOUND "$as_test revoke_key { environment: \"live\" key_id: \"$live_id\" }"
done_ "$as_live mint_key { environment: \"live\" account: \"acme\" product: \"payments\" }"
refused NOT_FOUND "$as_live mint_key { environment: \"live\" account: \"globex\" product: \"payments\" }"
policy live cross_environment yes
restart_vault
done_ "$as_test mint_key { environment: \"live\" account: \"acme\" product: \"payments\" }"

rule 9 'a caller of test alone has no way into live'
sed -i 's/^environments = .*/environments = test/' "$dir/peppermintd.conf"
roles_are portal issuer verifier
refused DENIED 'mint_key { environment: "live" account: "acme" product: "payments" }'
asked DENIED 'list_keys { environment: "live" account: "acme" }'
refused DENIED "revoke_key { environment: \"live\" key_id: \"$live_id\" }"
