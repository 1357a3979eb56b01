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

/** SSE and MMX: prefixes per opcode; `x` in front: operands are vectors (aligned where legacy SSE wants it). */
const VECTOR = `
1 10 -,66,F3,F2
1 11 -,66,F3,F2
1 12 -,66,F3,F2 m8
1 13 -,66 M
1 14 -,66
1 15 -,66
1 16 -,66,F3
1 17 -,66 M
1 28 -,66
1 29 -,66
1 2A -,66,wF3,wF2
1 2B -,66 M
1 2C -,66,wF3,wF2
1 2D -,66,wF3,wF2
1 2E -,66
1 2F -,66
1 50 -,66 R
1 51 -,66,F3,F2
1 52 -,F3
1 53 -,F3
1 54 -,66
1 55 -,66
1 56 -,66
1 57 -,66
1 58 -,66,F3,F2
1 59 -,66,F3,F2
1 5A -,66,F3,F2
1 5B -,66,F3
1 5C -,66,F3,F2
1 5D -,66,F3,F2
1 5E -,66,F3,F2
1 5F -,66,F3,F2
1 60 -,66
1 61 -,66
1 62 -,66
1 63 -,66
1 64 -,66
1 65 -,66
1 66 -,66
1 67 -,66
1 68 -,66
1 69 -,66
1 6A -,66
1 6B -,66
1 6C 66
1 6D 66
1 6E w,w66
1 6F -,66,F3
1 70 -,66,F3,F2 ib
1 71/2 -,66 R ib
1 71/4 -,66 R ib
1 71/6 -,66 R ib
1 72/2 -,66 R ib
1 72/4 -,66 R ib
1 72/6 -,66 R ib
1 73/2 -,66 R ib
1 73/3 66 R ib
1 73/6 -,66 R ib
1 73/7 66 R ib
1 74 -,66
1 75 -,66
1 76 -,66
1 77 - -
1 7C 66,F2
1 7D 66,F2
1 7E w,w66,F3
1 7F -,66,F3
1 C2 -,66,F3,F2 ib
1 C4 -,66 ib
1 C5 -,66 R ib
1 C6 -,66 ib
1 D0 66,F2
1 D1 -,66
1 D2 -,66
1 D3 -,66
1 D4 -,66
1 D5 -,66
1 D6 66
1 D7 -,66 R
1 D8 -,66
1 D9 -,66
1 DA -,66
1 DB -,66
1 DC -,66
1 DD -,66
1 DE -,66
1 DF -,66
1 E0 -,66
1 E1 -,66
1 E2 -,66
1 E3 -,66
1 E4 -,66
1 E5 -,66
1 E6 66,F3,F2
1 E7 -,66 M
1 E8 -,66
1 E9 -,66
1 EA -,66
1 EB -,66
1 EC -,66
1 ED -,66
1 EE -,66
1 EF -,66
1 F0 F2 M
1 F1 -,66
1 F2 -,66
1 F3 -,66
1 F4 -,66
1 F5 -,66
1 F6 -,66
1 F8 -,66
1 F9 -,66
1 FA -,66
1 FB -,66
1 FC -,66
1 FD -,66
1 FE -,66
2 00 -,66
2 01 -,66
2 02 -,66
2 03 -,66
2 04 -,66
2 05 -,66
2 06 -,66
2 07 -,66
2 08 -,66
2 09 -,66
2 0A -,66
2 0B -,66
2 10 66
2 14 66
2 15 66
2 17 66
2 1C -,66
2 1D -,66
2 1E -,66
2 20 66
2 21 66
2 22 66
2 23 66
2 24 66
2 25 66
2 28 66
2 29 66
2 2A 66 M
2 2B 66
2 30 66
2 31 66
2 32 66
2 33 66
2 34 66
2 35 66
2 37 66
2 38 66
2 39 66
2 3A 66
2 3B 66
2 3C 66
2 3D 66
2 3E 66
2 3F 66
2 40 66
2 41 66
2 DB 66
2 DC 66
2 DD 66
2 DE 66
2 DF 66
3 08 66 ib
3 09 66 ib
3 0A 66 ib
3 0B 66 ib
3 0C 66 ib
3 0D 66 ib
3 0E 66 ib
3 0F -,66 ib
3 14 66 ib
3 15 66 ib
3 16 w66 ib
3 17 66 ib
3 20 66 ib
3 21 66 ib
3 22 w66 ib
3 40 66 ib
3 41 66 ib
3 42 66 ib
3 44 66 ib
3 60 66 ib
3 61 66 ib
3 62 66 ib
3 63 66 ib
3 DF 66 ib
`;

export interface Form {
  name: string;
  /** none, 66, F3, F2 or "" and whether the operand size (v) or REX.W (w) is free. */
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
  family: "integer" | "vector" | "x87";
  /** ModRM.rm of a register form, or -1 (any). */
  rm: number;
}

const KNOWN_IMMEDIATES = new Set(["ib", "iw", "iz", "iv"]);

function parseInteger(line: string): Form {
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

/**
 * D8..DF: register forms by digit, those of D9 /4../7 by their whole second byte; memory forms by digit. Names: `x87_` and the
 * instruction's bytes. FXTRACT and the like get as many instances as a whole row of FADD.
 */
function x87Forms(): Form[] {
  const form = (opcode: number, digit: number, operands: "M" | "R", rm = -1): Form => ({
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
  const forms: Form[] = [];
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
];
