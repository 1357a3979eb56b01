#include "abi.h"
void check_io(void) {}
