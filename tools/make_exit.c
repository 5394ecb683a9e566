/*
 * Lets `make run` end with the workflow's own exit status.
 *
 * GNU make answers 2 to every failed recipe. It can load a shared object, though, and calls a function
 * of it in its own process; these functions end that process. See "Loading Dynamic Objects" in make's manual.
 */
#include <stdlib.h>

int plugin_is_GPL_compatible;

int exit_with_1(void) { exit(1); }

int exit_with_3(void) { exit(3); }
