/**
 * The floating-point instructions of AVX, FMA and F16C. Line: `map opcode[/digit] VEX.pp words`; the words are
 *  v        VEX.vvvv is an operand; vR: only if r/m is a register
 *  M R -    r/m only in memory, only a register; no ModRM byte
 *  L0 L1    only this VEX.L; W0 W1 only this VEX.W
 *  ib       an immediate
 *  s d h i  what the operands hold: singles, doubles, halves, integers; otherwise as VEX.pp says
 *  store    the r/m operand is written
 */
export const AVX_FLOAT = `
1 10 -,66
1 11 -,66 store
1 28 -,66
1 29 -,66 store
1 2B -,66 M store
1 54 -,66 v
1 55 -,66 v
1 56 -,66 v
1 57 -,66 v
1 51 -,66
1 58 -,66 v
1 59 -,66 v
1 5C -,66 v
1 5D -,66 v
1 5E -,66 v
1 5F -,66 v
1 77 - -
`;
