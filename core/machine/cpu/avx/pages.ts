/** The pages of AVX's instructions, (map - 1) * 4 + VEX.pp, that the integer ones have. */
export const PAGE_0F_66 = 1;
export const PAGE_0F_F3 = 2;
export const PAGE_0F_F2 = 3;
export const PAGE_0F38_66 = 5;
export const PAGE_0F3A_66 = 9;
