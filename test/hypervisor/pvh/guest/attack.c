#include "pvh.h"
void attack(void) { say("no attack"); }
