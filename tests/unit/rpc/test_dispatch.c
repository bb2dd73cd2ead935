/* The table against the protocol, for what the compiler cannot check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dispatch.h"
#include "wire.h"

static void every_call_of_the_service_has_its_row_and_its_types(void **state)
{
	const ProtobufCServiceDescriptor *service = &peppermint__v1__vault__descriptor;

	(void)state;
	for (unsigned i = 0; i < service->n_methods; i++) {
		const struct rpc_row *row = dispatch_find(WIRE_CALL_FIRST + i);

		assert_non_null(row);
		assert_string_equal(row->name, service->methods[i].name);
		assert_ptr_equal(row->request, service->methods[i].input);
		const ProtobufCFieldDescriptor *call = protobuf_c_message_descriptor_get_field(
			&peppermint__v1__request__descriptor, WIRE_CALL_FIRST + i);
		const ProtobufCFieldDescriptor *result = protobuf_c_message_descriptor_get_field(
			&peppermint__v1__reply__descriptor, WIRE_CALL_FIRST + i);
		assert_ptr_equal(call->descriptor, service->methods[i].input);
		assert_ptr_equal(result->descriptor, service->methods[i].output);
	}
	assert_null(dispatch_find(WIRE_CALL_FIRST + service->n_methods));
}

static void numbers_that_are_no_calls_have_no_row(void **state)
{
	static const uint32_t numbers[] = { 0, 1, 15, 59, 999, 1000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_null(dispatch_find(numbers[i]));
}

/* The proto's words: "issuer; changes" and so on. */
static void who_may_call_what_is_as_the_protocol_says(void **state)
{
	static const struct {
		const char *name;
		uint32_t roles;
		enum rpc_kind kind;
		enum rpc_scope scope;
	} expected[] = {
		{ "Status", ROLE_NONE_NEEDED, RPC_READS, SCOPE_NONE },
		{ "MintKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "VerifyKeys", ROLE_VERIFIER, RPC_READS, SCOPE_ENVIRONMENT },
		{ "GetKey", ROLE_ISSUER | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS,
		  SCOPE_ENVIRONMENT },
		{ "ListKeys", ROLE_ISSUER | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS,
		  SCOPE_ENVIRONMENT },
		{ "RotateKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "RevokeKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "Hash", ROLE_HASHER, RPC_READS, SCOPE_ENVIRONMENT },
		{ "VerifyHash", ROLE_HASHER, RPC_READS, SCOPE_ENVIRONMENT },
		{ "ListPeppers", ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS, SCOPE_ENVIRONMENT },
		{ "CreatePepper", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "RotatePepper", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ListLogs", ROLE_AUDITOR, RPC_READS, SCOPE_VAULT },
		{ "ReadLog", ROLE_AUDITOR, RPC_READS, SCOPE_VAULT },
		{ "ProveEntry", ROLE_AUDITOR, RPC_READS, SCOPE_VAULT },
		{ "AddCosignature", ROLE_AUDITOR, RPC_WRITES, SCOPE_VAULT },
		{ "RotateLog", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_VAULT },
		{ "HashText", ROLE_AUDITOR, RPC_READS, SCOPE_ENVIRONMENT },
		{ "GetInventory", ROLE_AUDITOR, RPC_READS, SCOPE_VAULT },
		{ "ListMasters", ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS, SCOPE_ENVIRONMENT },
		{ "ChangeMaster", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "InspectToken", ROLE_CUSTODIAN | ROLE_AUDITOR, RPC_READS, SCOPE_ENVIRONMENT },
		{ "SettleOrphan", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "Seal", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_PIN },
		{ "Unseal", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_PIN },
		{ "ChangePin", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_PIN },
		{ "UpdateKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ResetSecret", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "RollbackKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "VerifySecret", ROLE_ISSUER | ROLE_PORTAL | ROLE_VERIFIER, RPC_READS,
		  SCOPE_ENVIRONMENT },
		{ "RevealKey", ROLE_ISSUER | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "Confirm", ROLE_ISSUER | ROLE_PORTAL, RPC_READS, SCOPE_ENVIRONMENT },
		{ "CreateAccount", ROLE_STAFF, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "UpdateAccount", ROLE_STAFF, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "GetAccount", ROLE_STAFF | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS,
		  SCOPE_ENVIRONMENT },
		{ "ListAccounts", ROLE_STAFF | ROLE_AUDITOR, RPC_READS, SCOPE_ENVIRONMENT },
		{ "CreateOperator", ROLE_STAFF | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "UpdateOperator", ROLE_STAFF | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ListOperators", ROLE_STAFF | ROLE_PORTAL | ROLE_AUDITOR, RPC_READS,
		  SCOPE_ENVIRONMENT },
		{ "ChangeOperatorPin", ROLE_STAFF | ROLE_PORTAL, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ImportKeys", ROLE_STAFF, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ImportHmacKey", ROLE_CUSTODIAN, RPC_WRITES, SCOPE_ENVIRONMENT },
		{ "ReportLeaks", ROLE_STAFF, RPC_WRITES, SCOPE_VAULT },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct rpc_row *row = dispatch_find(WIRE_CALL_FIRST + i);

		assert_string_equal(row->name, expected[i].name);
		assert_int_equal(row->roles, expected[i].roles);
		assert_int_equal(row->kind, expected[i].kind);
		assert_int_equal(row->scope, expected[i].scope);
	}
}

/* The compiler has checked that our numbers are theirs; that they have no more is checked here. */
static void the_protocol_has_no_error_or_reason_that_we_do_not(void **state)
{
	size_t errors = 0, reasons = 0;

	(void)state;
#define COUNT(name, number, text) errors++;
	PEPPERMINT_ERRORS(COUNT)
#undef COUNT
#define COUNT(name, number, text) reasons++;
	PEPPERMINT_REASONS(COUNT)
#undef COUNT
	assert_int_equal(peppermint__v1__error__descriptor.n_values, errors);
	assert_int_equal(peppermint__v1__reason__descriptor.n_values, reasons);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_of_the_service_has_its_row_and_its_types),
		cmocka_unit_test(numbers_that_are_no_calls_have_no_row),
		cmocka_unit_test(who_may_call_what_is_as_the_protocol_says),
		cmocka_unit_test(the_protocol_has_no_error_or_reason_that_we_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
