/**
 * The instruction forms of 16- and 32-bit code that run at CPL 3: those of 64-bit code that are the same there, and what only the older modes
 * have. Lines as in ../forms.ts; further options:
 *  far: what is loaded is a far pointer to code; selector: one to data, or a selector in the operand; accumulator: AL and AH are BCD digits
 */
import { FORMS, parseInteger, type Form } from "../forms.ts";

const TEXT = `
daa - 0 27 - !O
das - 0 2F - !O
aaa - 0 37 - !OSZP
aas - 0 3F - !OSZP
aam - 0 D4 - ib !OAC
aad - 0 D5 - ib !OAC
salc - 0 D6 -
inc v 0 40 +r
dec v 0 48 +r
pusha v 0 60 - stack
popa v 0 61 - stack
bound v 0 62 M
arpl - 0 63 m selector
add - 0 82/0 m ib
cmp - 0 82/7 m ib
mov - 0 A0 - moffs
mov v 0 A1 - moffs
mov - 0 A2 - moffs
mov v 0 A3 - moffs
into - 0 CE -
int3 - 0 CC -
iret v 0 CF - stack far
les v 0 C4 M selector
lds v 0 C5 M selector
lss v 1 B2 M selector
lfs v 1 B4 M selector
lgs v 1 B5 M selector
push_es v 0 06 - stack
push_cs v 0 0E - stack
push_ss v 0 16 - stack
push_ds v 0 1E - stack
push_fs v 1 A0 - stack
push_gs v 1 A8 - stack
pop_es v 0 07 - stack selector
pop_ss v 0 17 - stack selector
pop_ds v 0 1F - stack selector
pop_fs v 1 A1 - stack selector
pop_gs v 1 A9 - stack selector
mov_from_seg v 0 8C/0 m
mov_from_seg v 0 8C/2 m
mov_from_seg v 0 8C/5 m
mov_es v 0 8E/0 m selector
mov_ss v 0 8E/2 m selector
mov_ds v 0 8E/3 m selector
mov_gs v 0 8E/5 m selector
callf v 0 9A - far immediate stack
jmpf v 0 EA - far immediate
callf v 0 FF/3 M far stack
jmpf v 0 FF/5 M far
retf v 0 CB - stack far
retf v 0 CA - iw stack far
call v 0 FF/2 m stack
jmp v 0 FF/4 m
lar v 1 02 m selector
lsl v 1 03 m selector
verr - 1 00/4 m selector
verw - 1 00/5 m selector
popf v 0 9D - stack
cli - 0 FA -
sti - 0 FB -
hlt - 0 F4 -
in - 0 EC -
`;

/** Their operand size is the mode's and 66 changes it, while 64-bit mode has one size only. */
const SIZED = /^(push|ret|call|jmp|enter|j.|j..|loop.*)$/;
/** They exist in 64-bit code only, or differ in the older modes. */
const LONG_ONLY = new Set(["movsxd", "cmpxchg8b", "jrcxz"]);

function inLegacy(form: Form): Form {
  const sized = SIZED.test(form.name) && form.size === "fixed";
  return sized ? { ...form, size: "v" } : form;
}

export const LEGACY_FORMS: readonly Form[] = [
  ...FORMS.filter(({ family, name }) => family === "integer" && !LONG_ONLY.has(name)).map(inLegacy),
  ...TEXT.trim().split("\n").map(parseInteger),
  { ...parseInteger("jcxz - 0 E3 - ib"), size: "v" },
  parseInteger("cmpxchg8b - 1 C7/1 M lock"),
  // Which byte VMASKMOVDQU reports at a page fault depends on the processor's way of storing it.
  ...FORMS.filter(({ family, options }) => family === "avx" && !options.has("rdi")),
];
