/**
 * Linear addresses for tests of code that computes with them. The low half of some lies below every machine address of the test's machine, and that
 * of others above, as it does where systems really put code and data.
 */
export const ADDRESSES: [string, bigint][] = [
  ["the first pages", 0x1_0000n],
  ["3 GiB", 0xc000_0000n],
  ["the end of 4 GiB", 0xffff_e000n],
  ["a user's mapping", 0x7f12_3456_0000n],
  ["a user's mapping with a low half that is small", 0x7f00_0001_0000n],
  ["the end of user addresses", 0x7fff_ffff_e000n],
  ["the direct map", 0xffff_8880_0123_4000n],
  ["the direct map above 3 GiB", 0xffff_8880_c345_6000n],
  ["vmalloc", 0xffff_c900_0080_7000n],
  ["kernel text", 0xffff_ffff_8123_4000n],
  ["modules", 0xffff_ffff_c060_8000n],
  ["fixmap", 0xffff_ffff_ff5f_a000n],
];
