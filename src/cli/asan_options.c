/*
 * Only in builds with AddressSanitizer. Its leak check traces the process, which this program
 * forbids (not dumpable, no ptrace): it would fail at every exit.
 */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
