/**
 * The floating-point instructions of AVX, FMA and F16C. Line: `map opcode[/digit] VEX.pp words`; the words are
 *  v        VEX.vvvv is an operand; vR: only if r/m is a register
 *  M R -    r/m only in memory, only a register; no ModRM byte
 *  L0 L1    only this VEX.L; W0 W1 only this VEX.W
 *  ib       an immediate
 *  s d h i  what the operands hold: singles, doubles, halves, integers; otherwise as VEX.pp says
 *  store    the r/m operand is written
 *  masked   what is written depends on a mask
 *  fused    x * y + z, for which operands are made that nearly cancel
 */
export const AVX_FLOAT = `
1 10 -,66
1 10 F3,F2 vR
1 11 -,66 store
1 11 F3,F2 vR store
1 12 - v L0
1 12 66 v L0 M
1 12 F3,F2
1 13 -,66 L0 M store
1 14 -,66 v
1 15 -,66 v
1 16 - v L0
1 16 66 v L0 M
1 16 F3
1 17 -,66 L0 M store
1 28 -,66
1 29 -,66 store
1 2A F3,F2 v i
1 2B -,66 M store
1 2C F3,F2
1 2D F3,F2
1 2E -,66
1 2F -,66
1 50 -,66 R
1 51 -,66
1 51 F3,F2 v
1 52 -
1 52 F3 v
1 53 -
1 53 F3 v
1 54 -,66 v
1 55 -,66 v
1 56 -,66 v
1 57 -,66 v
1 58 -,66,F3,F2 v
1 59 -,66,F3,F2 v
1 5A -,66
1 5A F3,F2 v
1 5B - i
1 5B 66,F3 s
1 5C -,66,F3,F2 v
1 5D -,66,F3,F2 v
1 5E -,66,F3,F2 v
1 5F -,66,F3,F2 v
1 77 - -
1 7C 66 v
1 7C F2 v s
1 7D 66 v
1 7D F2 v s
1 AE/2 - L0 M
1 AE/3 - L0 M store
1 C2 -,66,F3,F2 v ib
1 C6 -,66 v ib
1 D0 66 v
1 D0 F2 v s
1 E6 66,F2
1 E6 F3 i
2 0C 66 v W0
2 0D 66 v W0
2 0E 66 W0 s
2 0F 66 W0
2 13 66 W0 h
2 18 66 W0 s
2 19 66 L1 W0
2 1A 66 L1 W0 M
2 2C 66 v W0 M s
2 2D 66 v W0 M
2 2E 66 v W0 M s store masked
2 2F 66 v W0 M store masked
2 96 66 v fused
2 97 66 v fused
2 98 66 v fused
2 99 66 v fused
2 9A 66 v fused
2 9B 66 v fused
2 9C 66 v fused
2 9D 66 v fused
2 9E 66 v fused
2 9F 66 v fused
2 A6 66 v fused
2 A7 66 v fused
2 A8 66 v fused
2 A9 66 v fused
2 AA 66 v fused
2 AB 66 v fused
2 AC 66 v fused
2 AD 66 v fused
2 AE 66 v fused
2 AF 66 v fused
2 B6 66 v fused
2 B7 66 v fused
2 B8 66 v fused
2 B9 66 v fused
2 BA 66 v fused
2 BB 66 v fused
2 BC 66 v fused
2 BD 66 v fused
2 BE 66 v fused
2 BF 66 v fused
3 04 66 W0 ib
3 05 66 W0 ib
3 06 66 v L1 W0 ib
3 08 66 ib s
3 09 66 ib
3 0A 66 v ib s
3 0B 66 v ib
3 0C 66 v ib
3 0D 66 v ib
3 17 66 L0 ib store
3 18 66 v L1 W0 ib
3 19 66 L1 W0 ib store
3 1D 66 W0 ib s store
3 21 66 v L0 ib
3 40 66 v ib s
3 41 66 v L0 ib
3 4A 66 v W0 ib
3 4B 66 v W0 ib
`;
