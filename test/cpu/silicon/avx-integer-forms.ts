/**
 * The integer instructions of AVX and AVX2, and the permutes and gathers of both kinds, in the language of avx-float-forms.ts. More words:
 *  b        the operands hold few different bytes, for compares of strings
 *  vsib     the memory operand's index is a vector
 *  masked   only chosen elements of the memory operand are accessed
 *  rdi      RDI is an address
 *  lengths  RAX and RDX are lengths
 *  narrow   the memory operand may have less than four bytes, so that it may lie at the end of the canonical addresses, where this kernel has a page
 *  fixed    VEX.L is always as said, because the other one makes an instruction of its own (VAES, VPCLMULQDQ), which the engine does not announce
 */
export const AVX_INTEGER = `
1 60 66 v i
1 61 66 v i
1 62 66 v i
1 63 66 v i
1 64 66 v b
1 65 66 v b
1 66 66 v b
1 67 66 v i
1 68 66 v i
1 69 66 v i
1 6A 66 v i
1 6B 66 v i
1 6C 66 v i
1 6D 66 v i
1 6E 66 L0 i
1 6F 66,F3 i
1 70 66,F3,F2 ib i
1 71/2 66 R ib v i
1 71/4 66 R ib v i
1 71/6 66 R ib v i
1 72/2 66 R ib v i
1 72/4 66 R ib v i
1 72/6 66 R ib v i
1 73/2 66 R ib v i
1 73/3 66 R ib v i
1 73/6 66 R ib v i
1 73/7 66 R ib v i
1 74 66 v b
1 75 66 v b
1 76 66 v b
1 7E 66 L0 i store
1 7E F3 L0 i
1 7F 66,F3 i store
1 C4 66 L0 ib v i narrow
1 C5 66 L0 R ib i
1 D1 66 v b
1 D2 66 v b
1 D3 66 v b
1 D4 66 v i
1 D5 66 v i
1 D6 66 L0 i store
1 D7 66 R i
1 D8 66 v i
1 D9 66 v i
1 DA 66 v i
1 DB 66 v i
1 DC 66 v i
1 DD 66 v i
1 DE 66 v i
1 DF 66 v i
1 E0 66 v i
1 E1 66 v b
1 E2 66 v b
1 E3 66 v i
1 E4 66 v i
1 E5 66 v i
1 E7 66 M i store
1 E8 66 v i
1 E9 66 v i
1 EA 66 v i
1 EB 66 v i
1 EC 66 v i
1 ED 66 v i
1 EE 66 v i
1 EF 66 v i
1 F0 F2 M i
1 F1 66 v b
1 F2 66 v b
1 F3 66 v b
1 F4 66 v i
1 F5 66 v i
1 F6 66 v i
1 F7 66 L0 R i rdi
1 F8 66 v i
1 F9 66 v i
1 FA 66 v i
1 FB 66 v i
1 FC 66 v i
1 FD 66 v i
1 FE 66 v i
2 00 66 v i
2 01 66 v i
2 02 66 v i
2 03 66 v i
2 04 66 v i
2 05 66 v i
2 06 66 v i
2 07 66 v i
2 08 66 v b
2 09 66 v b
2 0A 66 v b
2 0B 66 v i
2 16 66 v W0 L1 s
2 17 66 b
2 1C 66 i
2 1D 66 i
2 1E 66 i
2 20 66 i
2 21 66 i
2 22 66 i narrow
2 23 66 i
2 24 66 i
2 25 66 i
2 28 66 v i
2 29 66 v b
2 2A 66 M i
2 2B 66 v i
2 30 66 i
2 31 66 i
2 32 66 i narrow
2 33 66 i
2 34 66 i
2 35 66 i
2 36 66 v W0 L1 i
2 37 66 v b
2 38 66 v i
2 39 66 v i
2 3A 66 v i
2 3B 66 v i
2 3C 66 v i
2 3D 66 v i
2 3E 66 v i
2 3F 66 v i
2 40 66 v i
2 41 66 L0 i
2 45 66 v b
2 46 66 v W0 b
2 47 66 v b
2 58 66 W0 i
2 59 66 W0 i
2 5A 66 W0 L1 M i
2 78 66 W0 i narrow
2 79 66 W0 i narrow
2 8C 66 v M i masked
2 8E 66 v M i masked
2 90 66 v M i vsib
2 91 66 v M i vsib
2 92 66 v M s vsib
2 93 66 v M d vsib
2 DB 66 L0 i
2 DC 66 v L0 i fixed
2 DD 66 v L0 i fixed
2 DE 66 v L0 i fixed
2 DF 66 v L0 i fixed
3 00 66 W1 L1 ib i
3 01 66 W1 L1 ib d
3 02 66 v W0 ib i
3 0E 66 v ib i
3 0F 66 v ib i
3 14 66 L0 ib i store narrow
3 15 66 L0 ib i store narrow
3 16 66 L0 ib i store
3 20 66 L0 v ib i narrow
3 22 66 L0 v ib i
3 38 66 W0 L1 v ib i
3 39 66 W0 L1 ib i store
3 42 66 v ib i
3 44 66 L0 v ib i fixed
3 46 66 W0 L1 v ib i
3 4C 66 W0 v ib i
3 60 66 L0 ib b lengths
3 61 66 L0 ib b lengths
3 62 66 L0 ib b
3 63 66 L0 ib b
3 DF 66 L0 ib i
`;
