/** The pages of AVX's instructions: (map - 1) * 4 + VEX.pp, which is 0 none, 1 66, 2 F3, 3 F2. */
export const PAGE_0F = 0;
export const PAGE_0F_66 = 1;
export const PAGE_0F_F3 = 2;
export const PAGE_0F_F2 = 3;
export const PAGE_0F38_66 = 5;
export const PAGE_0F3A_66 = 9;
