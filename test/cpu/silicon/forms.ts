/**
 * The instruction forms of 64-bit mode that run at CPL 3 and have the same result every time. One line a form; the
 * generator makes instances of it. Written from the opcode maps of Intel's manual, volume 2.
 *
 * Line: `name prefix map opcode[/digit] operands [!undefined flags] [options]`
 *  prefix   - none allowed or needed; 66, F3, F2 mandatory; `v`: operand size free (none, 66, REX.W); `w`: REX.W free;
 *           `W`: REX.W set; `vx.P.L`: VEX with pp and W free (BMI).
 *  map      0 one-byte, 1 0F, 2 0F38, 3 0F3A
 *  operands `m` ModRM any, `M` ModRM memory only, `R` ModRM register only, `-` none, `+r` register in the opcode;
 *           then immediates ib iw iz iv (iv: 64 bits with REX.W)
 *  flags    letters of those left undefined: O S Z A P C; `!shift`, `!rot`: by count
 *  options  lock: LOCK allowed with a memory destination; sized:N bytes of memory touched; stack: RSP must be in the window
 *           bit: the register bit offset reaches beyond the operand; rep: string instruction; align: 16-byte operand
 */
import { AVX_FLOAT } from "./avx-float-forms.ts";
import { AVX_INTEGER } from "./avx-integer-forms.ts";
import { KIND_BYTES, KIND_FLOAT32, KIND_FLOAT64, KIND_HALF, KIND_INTEGER } from "./vector-values.ts";
import { VECTOR } from "./vector-forms.ts";

const TEXT = `
add v 0 01 m lock
add - 0 00 m lock
add v 0 03 m
add - 0 02 m
add - 0 04 - ib
add v 0 05 - iz
or v 0 09 m !A lock
or - 0 08 m !A lock
or v 0 0B m !A
or - 0 0A m !A
or v 0 0D - iz !A
adc v 0 11 m lock
adc - 0 10 m lock
adc v 0 13 m
adc - 0 12 m
adc v 0 15 - iz
sbb v 0 19 m lock
sbb - 0 18 m lock
sbb v 0 1B m
sbb - 0 1A m
sbb - 0 1C - ib
and v 0 21 m !A lock
and - 0 20 m !A lock
and v 0 23 m !A
and - 0 22 m !A
sub v 0 29 m lock
sub - 0 28 m lock
sub v 0 2B m
sub - 0 2A m
xor v 0 31 m !A lock
xor - 0 30 m !A lock
xor v 0 33 m !A
xor - 0 32 m !A
cmp v 0 39 m
cmp - 0 38 m
cmp v 0 3B m
cmp - 0 3A m
cmp - 0 3C - ib
cmp v 0 3D - iz
push v 0 50 +r stack
pop v 0 58 +r stack
movsxd v 0 63 m
push - 0 68 - iz stack
push - 0 6A - ib stack
imul v 0 69 m iz !SZAP
imul v 0 6B m ib !SZAP
jo - 0 70 - ib
jb - 0 72 - ib
jz - 0 74 - ib
ja - 0 77 - ib
js - 0 78 - ib
jp - 0 7A - ib
jl - 0 7C - ib
jg - 0 7F - ib
add - 0 80/0 m ib lock
or - 0 80/1 m ib !A lock
adc - 0 80/2 m ib lock
sbb - 0 80/3 m ib lock
and - 0 80/4 m ib !A lock
sub - 0 80/5 m ib lock
xor - 0 80/6 m ib !A lock
cmp - 0 80/7 m ib
add v 0 81/0 m iz lock
or v 0 81/1 m iz !A lock
adc v 0 81/2 m iz lock
sbb v 0 81/3 m iz lock
and v 0 81/4 m iz !A lock
sub v 0 81/5 m iz lock
xor v 0 81/6 m iz !A lock
cmp v 0 81/7 m iz
add v 0 83/0 m ib lock
or v 0 83/1 m ib !A lock
adc v 0 83/2 m ib lock
sbb v 0 83/3 m ib lock
and v 0 83/4 m ib !A lock
sub v 0 83/5 m ib lock
xor v 0 83/6 m ib !A lock
cmp v 0 83/7 m ib
test v 0 85 m !A
test - 0 84 m !A
xchg v 0 87 m lock
xchg - 0 86 m lock
mov v 0 89 m
mov - 0 88 m
mov v 0 8B m
mov - 0 8A m
lea v 0 8D M
pop v 0 8F/0 m stack
xchg v 0 90 +r
cbw v 0 98 -
cwd v 0 99 -
pushf v 0 9C - stack
sahf - 0 9E -
lahf - 0 9F -
movs - 0 A4 - rep
movs v 0 A5 - rep
cmps - 0 A6 - rep
cmps v 0 A7 - rep
test - 0 A8 - ib !A
test v 0 A9 - iz !A
stos - 0 AA - rep
stos v 0 AB - rep
lods - 0 AC - rep
lods v 0 AD - rep
scas - 0 AE - rep
scas v 0 AF - rep
mov - 0 B0 +r ib
mov v 0 B8 +r iv
rol - 0 C0/0 m ib !rot
ror - 0 C0/1 m ib !rot
rcl - 0 C0/2 m ib !rot
rcr - 0 C0/3 m ib !rot
shl - 0 C0/4 m ib !shift
shr - 0 C0/5 m ib !shift
sar - 0 C0/7 m ib !shift
rol v 0 C1/0 m ib !rot
ror v 0 C1/1 m ib !rot
rcl v 0 C1/2 m ib !rot
rcr v 0 C1/3 m ib !rot
shl v 0 C1/4 m ib !shift
shr v 0 C1/5 m ib !shift
sar v 0 C1/7 m ib !shift
rol v 0 D1/0 m !
ror v 0 D1/1 m !
rcl v 0 D1/2 m !
rcr v 0 D1/3 m !
shl v 0 D1/4 m !A
shr v 0 D1/5 m !A
sar v 0 D1/7 m !A
shl - 0 D0/4 m !A
shr - 0 D0/5 m !A
rol - 0 D2/0 m !rot
rcl - 0 D2/2 m !rot
shl - 0 D2/4 m !shift
sar - 0 D2/7 m !shift
rol v 0 D3/0 m !rot
ror v 0 D3/1 m !rot
rcl v 0 D3/2 m !rot
rcr v 0 D3/3 m !rot
shl v 0 D3/4 m !shift
shr v 0 D3/5 m !shift
sar v 0 D3/7 m !shift
ret - 0 C3 - stack
ret - 0 C2 - iw stack
mov - 0 C6/0 m ib
mov v 0 C7/0 m iz
enter - 0 C8 - iw enter stack
leave v 0 C9 - stack leave
xlat - 0 D7 - xlat
loopne - 0 E0 - ib
loope - 0 E1 - ib
loop - 0 E2 - ib
jrcxz - 0 E3 - ib
call - 0 E8 - iz near stack
jmp - 0 E9 - iz near
jmp - 0 EB - ib
cmc - 0 F5 -
clc - 0 F8 -
stc - 0 F9 -
cld - 0 FC -
std - 0 FD -
test - 0 F6/0 m ib !A
not - 0 F6/2 m lock
neg - 0 F6/3 m lock
mul - 0 F6/4 m !SZAP
imul - 0 F6/5 m !SZAP
div - 0 F6/6 m !OSZAPC div
idiv - 0 F6/7 m !OSZAPC div
test v 0 F7/0 m iz !A
not v 0 F7/2 m lock
neg v 0 F7/3 m lock
mul v 0 F7/4 m !SZAP
imul v 0 F7/5 m !SZAP
div v 0 F7/6 m !OSZAPC div
idiv v 0 F7/7 m !OSZAPC div
inc - 0 FE/0 m lock
dec - 0 FE/1 m lock
inc v 0 FF/0 m lock
dec v 0 FF/1 m lock
push v 0 FF/6 m stack
cmovo v 1 40 m
cmovb v 1 42 m
cmovz v 1 45 m
cmova v 1 47 m
cmovs v 1 48 m
cmovp v 1 4B m
cmovl v 1 4C m
cmovg v 1 4F m
seto - 1 90 m
setb - 1 92 m
setz - 1 94 m
setbe - 1 96 m
sets - 1 98 m
setp - 1 9A m
setl - 1 9C m
setle - 1 9E m
jz - 1 84 - iz near
jg - 1 8F - iz near
bt v 1 A3 m !OSAP bit
bts v 1 AB m !OSAP bit lock
btr v 1 B3 m !OSAP bit lock
btc v 1 BB m !OSAP bit lock
bt v 1 BA/4 m ib !OSAP
bts v 1 BA/5 m ib !OSAP lock
btr v 1 BA/6 m ib !OSAP lock
btc v 1 BA/7 m ib !OSAP lock
shld v 1 A4 m ib !dshift
shrd v 1 AC m ib !dshift
shld v 1 A5 m !dshift
shrd v 1 AD m !dshift
imul v 1 AF m !SZAP
cmpxchg - 1 B0 m lock
cmpxchg v 1 B1 m lock
movzx v 1 B6 m
movzx v 1 B7 m
movsx v 1 BE m
movsx v 1 BF m
bsf v 1 BC m !OSAPC
bsr v 1 BD m !OSAPC
tzcnt vF3 1 BC m !OSAP
lzcnt vF3 1 BD m !OSAP
popcnt vF3 1 B8 m
xadd - 1 C0 m lock
xadd v 1 C1 m lock
movnti w 1 C3 M
cmpxchg8b w 1 C7/1 M lock sized:16 align
bswap w 1 C8 +r
nop v 1 1F m
movbe v 2 F0 M
movbe v 2 F1 M
crc32 wF2 2 F0 m
crc32 vF2 2 F1 m
andn vx.0 2 F2 m !AP
blsr vx.0 2 F3/1 m !AP
blsmsk vx.0 2 F3/2 m !AP
blsi vx.0 2 F3/3 m !AP
bzhi vx.0 2 F5 m !AP
pext vx.2 2 F5 m
pdep vx.3 2 F5 m
mulx vx.3 2 F6 m
bextr vx.0 2 F7 m !ASP
shlx vx.1 2 F7 m
sarx vx.2 2 F7 m
shrx vx.3 2 F7 m
rorx vx.3 3 F0 m ib
`;

export interface Form {
  name: string;
  /** The mandatory prefix (none, 66, F3, F2), and whether the operand size (v) or REX.W (w) is free. */
  prefix: "" | "66" | "F3" | "F2";
  size: "fixed" | "v" | "w";
  /** VEX.pp, or -1. */
  vex: number;
  map: number;
  opcode: number;
  /** ModRM.reg digit, or -1. */
  digit: number;
  operands: "m" | "M" | "R" | "-" | "+r";
  immediate: "" | "ib" | "iw" | "iz" | "iv";
  undefinedFlags: string;
  options: Set<string>;
  family: "integer" | "vector" | "x87" | "avx";
  /** ModRM.rm of a register form, or -1 (any). */
  rm: number;
  /** Of an AVX form, which VEX.L and VEX.W it has, whether VEX.vvvv is an operand, and what its operands hold. */
  avx?: {
    lengths: readonly number[];
    ws: readonly number[];
    vreg: "always" | "never" | "register";
    kind: number;
  };
}

export interface Instance {
  form: Form;
  /** The case, for both silicon and engine. */
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
  /** The RFLAGS bits that are not compared. */
  flagMask: bigint;
}

/** Returns what distinguishes a form from every other one. */
export function formKey({ name, prefix, size, operands, map, opcode, digit }: Form): string {
  return `${name} ${prefix}${size === "v" ? "v" : ""} ${operands} ${map}:${opcode.toString(16)}${digit >= 0 ? `/${digit}` : ""}`;
}

const KNOWN_IMMEDIATES = new Set(["ib", "iw", "iz", "iv"]);

export function parseInteger(line: string): Form {
  const [name, prefixText, map, opcodeText, ...rest] = line.split(/\s+/) as [
    string,
    string,
    string,
    string,
    ...string[],
  ];
  const [opcode, digit] = opcodeText.split("/");
  const operands = rest.shift() as Form["operands"];
  const immediate = rest.find((word) => KNOWN_IMMEDIATES.has(word)) ?? "";
  const undefinedFlags = rest.find((word) => word.startsWith("!"))?.slice(1) ?? "";
  const vex = /^vx\.(\d)$/.exec(prefixText);
  return {
    name,
    prefix: (/(66|F3|F2)$/.exec(prefixText)?.[1] ?? "") as Form["prefix"],
    size: vex || prefixText.startsWith("w") ? "w" : prefixText.startsWith("v") ? "v" : "fixed",
    vex: vex ? Number(vex[1]) : -1,
    map: Number(map),
    opcode: parseInt(opcode!, 16),
    digit: digit === undefined ? -1 : Number(digit),
    operands,
    immediate: immediate as Form["immediate"],
    undefinedFlags,
    options: new Set(rest),
    family: "integer",
    rm: -1,
  };
}

function parseVector(line: string): Form[] {
  const [map, opcodeText, prefixes, ...rest] = line.split(/\s+/) as [string, string, string, ...string[]];
  const [opcode, digit] = opcodeText.split("/");
  return prefixes.split(",").map((prefix) => ({
    name: `${map === "1" ? "0F" : map === "2" ? "0F38" : "0F3A"} ${opcodeText} ${prefix}`,
    prefix: (/(66|F3|F2)$/.exec(prefix)?.[1] ?? "") as Form["prefix"],
    size: prefix.startsWith("w") ? "w" : "fixed",
    vex: -1,
    map: Number(map),
    opcode: parseInt(opcode!, 16),
    digit: digit === undefined ? -1 : Number(digit),
    operands: (rest.find((word) => ["M", "R", "-"].includes(word)) ?? "m") as Form["operands"],
    immediate: rest.includes("ib") ? "ib" : "",
    undefinedFlags: "",
    options: new Set(rest),
    family: "vector",
    rm: -1,
  }));
}

const PP = ["-", "66", "F3", "F2"];
const BOTH = [0, 1];
const KIND_OF_PP = [KIND_FLOAT32, KIND_FLOAT64, KIND_FLOAT32, KIND_FLOAT64];
const KINDS: Record<string, number> = {
  s: KIND_FLOAT32,
  d: KIND_FLOAT64,
  h: KIND_HALF,
  i: KIND_INTEGER,
  b: KIND_BYTES,
};

function parseAvx(line: string): Form[] {
  const [map, opcodeText, prefixes, ...rest] = line.split(/\s+/) as [string, string, string, ...string[]];
  const [opcode, digit] = opcodeText.split("/");
  const has = (word: string) => rest.includes(word);
  const either = (letter: string) => (has(`${letter}0`) ? [0] : has(`${letter}1`) ? [1] : BOTH);
  return prefixes.split(",").map((prefix) => {
    const pp = PP.indexOf(prefix);
    const kind = rest.find((word) => word in KINDS);
    return {
      name: `VEX ${map === "1" ? "0F" : map === "2" ? "0F38" : "0F3A"} ${opcodeText} ${prefix}`,
      prefix: "",
      size: "fixed",
      vex: pp,
      map: Number(map),
      opcode: parseInt(opcode!, 16),
      digit: digit === undefined ? -1 : Number(digit),
      operands: (rest.find((word) => ["M", "R", "-"].includes(word)) ?? "m") as Form["operands"],
      immediate: has("ib") ? "ib" : "",
      undefinedFlags: "",
      options: new Set(rest),
      family: "avx",
      rm: -1,
      avx: {
        lengths: either("L"),
        ws: either("W"),
        vreg: has("v") ? "always" : has("vR") ? "register" : "never",
        kind: kind ? KINDS[kind]! : KIND_OF_PP[pp]!,
      },
    };
  });
}

/**
 * FWAIT, and D8..DF: register forms by digit, except that those of D9 /4../7 go by their whole second byte; memory forms by digit. Names are `x87_`
 * and the instruction's bytes. FXTRACT and the like get as many instances as a whole row of FADD.
 */
function x87Forms(): Form[] {
  const form = (opcode: number, digit: number, operands: "M" | "R" | "-", rm = -1): Form => ({
    name: `x87_${opcode.toString(16).toUpperCase()}/${digit}${rm < 0 ? "" : `.${rm}`}`,
    prefix: "",
    // The state images have two formats.
    size: operands === "M" && (opcode === 0xd9 || opcode === 0xdd) && (digit === 4 || digit === 6) ? "v" : "fixed",
    vex: -1,
    map: 0,
    opcode,
    digit,
    operands,
    immediate: "",
    undefinedFlags: "",
    options: new Set(),
    family: "x87",
    rm,
  });
  const fwait = { ...form(0x9b, -1, "-"), name: "x87_9B" };
  const forms: Form[] = [fwait];
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++)
    for (let digit = 0; digit < 8; digit++) {
      forms.push(form(opcode, digit, "M"));
      if (opcode !== 0xd9 || digit < 4) forms.push(form(opcode, digit, "R"));
      else for (let rm = 0; rm < 8; rm++) forms.push(form(opcode, digit, "R", rm));
    }
  return forms;
}

const lines = (text: string) => text.trim().split("\n");

export const FORMS: readonly Form[] = [
  ...lines(TEXT).map(parseInteger),
  ...lines(VECTOR).flatMap(parseVector),
  ...x87Forms(),
  ...lines(AVX_FLOAT).flatMap(parseAvx),
  ...lines(AVX_INTEGER).flatMap(parseAvx),
];
