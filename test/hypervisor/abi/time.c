#include "abi.h"
void check_time(void) {}
