/** Kinds of lazy flags in CPU_FLAG_KIND; flags.ts says how values are kept. */

/** A holds CF PF AF SF OF at their places in EFLAGS; result is 0 if and only if ZF is set. */
export const FLAGS_STORED = 0;
/** result = A + b. */
export const FLAGS_ADD = 1;
/** result = A - b; A is the minuend. */
export const FLAGS_SUB = 2;
/** CF = OF = AF = 0. */
export const FLAGS_LOGIC = 3;
/** As ADD and SUB of 1, except that CF is B. */
export const FLAGS_INC = 4;
export const FLAGS_DEC = 5;
/** ZF, SF, PF from the result, CF, AF, OF from A at their places in EFLAGS. */
export const FLAGS_RESULT = 6;
