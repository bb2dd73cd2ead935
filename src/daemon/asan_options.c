/*
 * Only in builds with AddressSanitizer. Its leak check traces the process, which peppermintd
 * forbids (not dumpable, no ptrace): it would fail at every exit. Unit tests look for leaks
 * instead.
 */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
