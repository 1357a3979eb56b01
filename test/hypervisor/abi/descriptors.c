#include "abi.h"
void check_descriptors(void) {}
