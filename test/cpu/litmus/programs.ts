/** Programs for several processors, and what x86's memory order allows for them (Intel SDM volume 3, "Memory Ordering"; x86-TSO). */

/** What one round has left: two results for each thread, and the two locations. */
export interface Outcome {
  results: [number, number][];
  x: number;
  y: number;
}

/**
 * Each thread runs its instructions once in each round, and each round uses locations of its own: RDI = x, RSI = y, RBX = results. EAX and EDX are
 * free.
 */
export interface Litmus {
  name: string;
  threads: string[];
  forbidden(outcome: Outcome): boolean;
}

// r[thread][0] is what the thread stored first, r[thread][1] what it stored second.
const X_GETS_1 = "c7 07 01 00 00 00"; // mov dword [rdi], 1
const Y_GETS_1 = "c7 06 01 00 00 00"; // mov dword [rsi], 1
const X_GETS_2 = "c7 07 02 00 00 00";
const Y_GETS_2 = "c7 06 02 00 00 00";
const READ_X = "8b 07 89 03"; // mov eax, [rdi]; mov [rbx], eax
const READ_Y = "8b 06 89 03"; // mov eax, [rsi]; mov [rbx], eax
const READ_X_THEN_Y = "8b 07 8b 16 89 03 89 53 04"; // mov eax, [rdi]; mov edx, [rsi]; mov [rbx], eax; mov [rbx+4], edx
const READ_Y_THEN_X = "8b 06 8b 17 89 03 89 53 04";

const flagWithoutMessage = ({ results }: Outcome) => results[1]![0] === 1 && results[1]![1] === 0;
const bothZero = ({ results: [a, b] }: Outcome) => a![0] === 0 && b![0] === 0;

/** Store buffering: a store, something between, and a load of the other location. */
function storeBuffering(name: string, between: string): Litmus {
  return {
    name: `store buffering with ${name} between`,
    threads: [`${X_GETS_1} ${between} ${READ_Y}`, `${Y_GETS_1} ${between} ${READ_X}`],
    forbidden: bothZero,
  };
}
/** Here the store itself is the locked instruction. */
function lockedStoreBuffering(name: string, storeX: string, storeY: string): Litmus {
  return {
    name: `store buffering, stores by ${name}`,
    threads: [`${storeX} ${READ_Y}`, `${storeY} ${READ_X}`],
    forbidden: bothZero,
  };
}

/** The outcome that x86 allows. How often it is seen tells whether the threads met at all. */
export const STORE_BUFFERING: Litmus = {
  name: "store buffering",
  threads: [`${X_GETS_1} ${READ_Y}`, `${Y_GETS_1} ${READ_X}`],
  forbidden: () => false,
};
export const wasReordered = bothZero;

export const LITMUS: Litmus[] = [
  STORE_BUFFERING,
  storeBuffering("MFENCE", "0f ae f0"),
  storeBuffering("LOCK OR", "f0 83 0c 24 00"), // lock or dword [rsp], 0
  storeBuffering("a misaligned LOCK OR", "66 f0 83 4c 24 01 00"), // lock or word [rsp+1], 0
  storeBuffering("a LOCK OR across 8 bytes", "f0 48 83 4c 24 05 00"), // lock or qword [rsp+5], 0
  // mov eax, 1; xchg [rdi], eax
  lockedStoreBuffering("XCHG", "b8 01 00 00 00 87 07", "b8 01 00 00 00 87 06"),
  // mov eax, 1; lock xadd [rdi], eax
  lockedStoreBuffering("LOCK XADD", "b8 01 00 00 00 f0 0f c1 07", "b8 01 00 00 00 f0 0f c1 06"),
  // xor eax, eax; mov edx, 1; lock cmpxchg [rdi], edx
  lockedStoreBuffering("LOCK CMPXCHG", "31 c0 ba 01 00 00 00 f0 0f b1 17", "31 c0 ba 01 00 00 00 f0 0f b1 16"),
  {
    name: "message passing",
    threads: [`${X_GETS_1} ${Y_GETS_1}`, READ_Y_THEN_X],
    forbidden: flagWithoutMessage,
  },
  {
    // push rdi; push rcx; mov eax, 1; mov ecx, 2; rep stosd; pop rcx; pop rdi
    name: "message passing, the message by REP STOS",
    threads: [`57 51 b8 01 00 00 00 b9 02 00 00 00 f3 ab 59 5f ${Y_GETS_1}`, READ_Y_THEN_X],
    forbidden: flagWithoutMessage,
  },
  {
    name: "load buffering",
    threads: [`8b 07 ${Y_GETS_1} 89 03`, `8b 06 ${X_GETS_1} 89 03`],
    forbidden: ({ results: [a, b] }) => a![0] === 1 && b![0] === 1,
  },
  {
    name: "S: a store is not overtaken by one that follows a load",
    threads: [`${X_GETS_2} ${Y_GETS_1}`, `8b 06 ${X_GETS_1} 89 03`],
    forbidden: ({ results: [, b], x }) => b![0] === 1 && x === 2,
  },
  {
    name: "2+2W: stores of two threads to two locations",
    threads: [`${X_GETS_1} ${Y_GETS_2}`, `${Y_GETS_1} ${X_GETS_2}`],
    forbidden: ({ x, y }) => x === 1 && y === 1,
  },
  {
    name: "coherence of reads",
    threads: [`${X_GETS_1} ${X_GETS_2}`, "8b 07 8b 17 89 03 89 53 04"],
    forbidden: ({ results }) => results[1]![0] > results[1]![1],
  },
  {
    name: "own stores are seen at once",
    threads: [`${X_GETS_1} ${READ_X_THEN_Y}`, `${Y_GETS_1} ${READ_Y_THEN_X}`],
    forbidden: ({ results: [a, b] }) => a![0] !== 1 || b![0] !== 1,
  },
  {
    name: "WRC: what a second thread has seen, a third sees",
    threads: [X_GETS_1, `8b 07 ${Y_GETS_1} 89 03`, READ_Y_THEN_X],
    forbidden: ({ results: [, b, c] }) => b![0] === 1 && c![0] === 1 && c![1] === 0,
  },
  {
    name: "IRIW: two readers agree on the order of two writers",
    threads: [X_GETS_1, Y_GETS_1, READ_X_THEN_Y, READ_Y_THEN_X],
    forbidden: ({ results: [, , c, d] }) => c![0] === 1 && c![1] === 0 && d![0] === 1 && d![1] === 0,
  },
];

/** Threads that work on the same memory, each `rounds` times. `check` reads what must be in it afterwards. */
export interface Contention {
  name: string;
  threads: string[];
  /** The offsets in the data that RDI and RSI point at. */
  rdi: number;
  rsi?: number;
  check(read: (offset: number, bytes: number) => bigint, rounds: bigint): [found: bigint, expected: bigint][];
}

const twice = (body: string): string[] => [body, body];

/** Both threads count at the same place, and the increment at `offset` must be atomic with respect to itself. */
function counter(name: string, body: string, offset: number, bytes: number, step = 1n): Contention {
  return {
    name,
    threads: twice(body),
    rdi: offset,
    check: (read, rounds) => [[read(offset, bytes), BigInt.asUintN(8 * bytes, 2n * rounds * step)]],
  };
}

const LINE = 0x1040;
const INC32 = "f0 ff 07"; // lock inc dword [rdi]
const INC64 = "f0 48 ff 07"; // lock inc qword [rdi]
const ADD64 = "f0 48 83 07 01"; // lock add qword [rdi], 1
const XADD32 = "b8 01 00 00 00 f0 0f c1 07"; // mov eax, 1; lock xadd [rdi], eax
const XADD64 = "b8 01 00 00 00 f0 48 0f c1 07";
// mov rax, [rdi]; 1: lea rdx, [rax+1]; lock cmpxchg [rdi], rdx; jnz 1b
const CMPXCHG64 = "48 8b 07 48 8d 50 01 f0 48 0f b1 17 75 f5";
// mov r10, rcx; mov eax, [rdi]; mov edx, [rdi+4]; 1: mov ebx, eax; mov ecx, edx; add ebx, 1; adc ecx, 0; lock cmpxchg8b [rdi];
// jnz 1b; mov rcx, r10
const CMPXCHG8B = "49 89 ca 8b 07 8b 57 04 89 c3 89 d1 83 c3 01 83 d1 00 f0 0f c7 0f 75 f0 4c 89 d1";
// mov r10, rcx; mov rax, [rdi]; mov rdx, [rdi+8]; 1: lea rbx, [rax+1]; lea rcx, [rdx+3]; lock cmpxchg16b [rdi]; jnz 1b; mov rcx, r10
const CMPXCHG16B = "49 89 ca 48 8b 07 48 8b 57 08 48 8d 58 01 48 8d 4a 03 f0 48 0f c7 0f 75 f1 4c 89 d1";

/** A lock in RSI protects a plain INC in RDI. */
function mutualExclusion(name: string, body: string): Contention {
  return { ...counter(`mutual exclusion: ${name}`, body, LINE, 8), rsi: LINE + 0x80 };
}

export const CONTENTION: Contention[] = [
  counter("LOCK INC of 8 bits", "f0 fe 07", LINE, 1),
  counter("LOCK INC of 16 bits", "66 f0 ff 07", LINE, 2),
  counter("LOCK INC of 32 bits", INC32, LINE, 4),
  counter("LOCK INC of 64 bits", INC64, LINE, 8),
  counter("LOCK DEC of 32 bits", "f0 ff 0f", LINE, 4, -1n),
  counter("LOCK XADD of 32 bits", XADD32, LINE, 4),
  counter("LOCK XADD of 64 bits", XADD64, LINE, 8),
  counter("LOCK CMPXCHG", CMPXCHG64, LINE, 8),
  counter("LOCK CMPXCHG8B", CMPXCHG8B, LINE, 8),
  {
    ...counter("LOCK CMPXCHG16B", CMPXCHG16B, LINE, 8),
    check: (read, rounds) => [
      [read(LINE, 8), 2n * rounds],
      [read(LINE + 8, 8), 6n * rounds],
    ],
  },
  ...(
    [
      ["misaligned, within 8 bytes", LINE + 1],
      ["across 8 bytes", LINE + 6],
      ["across a cache line", LINE + 0x3e],
      ["across a page", 0x1ffe],
    ] as const
  ).flatMap(([where, offset]) => [
    counter(`LOCK INC of 32 bits ${where}`, INC32, offset, 4),
    counter(`LOCK XADD of 32 bits ${where}`, XADD32, offset, 4),
    counter(`LOCK ADD of 64 bits ${where}`, ADD64, offset, 8),
    counter(`LOCK CMPXCHG of 64 bits ${where}`, CMPXCHG64, offset, 8),
    counter(`LOCK CMPXCHG8B ${where}`, CMPXCHG8B, offset, 8),
  ]),
  {
    // lock inc byte [rdi] beside lock add dword [rdi], 0x100: neither may lose the other's updates.
    name: "a byte and the dword that it is part of",
    threads: ["f0 fe 07", "f0 81 07 00 01 00 00"],
    rdi: LINE,
    check: (read, rounds) => [[read(LINE, 4), BigInt.asUintN(32, (rounds & 0xffn) + rounds * 0x100n)]],
  },
  // A misaligned access beside an aligned one on some of its bytes. Each changes bytes that the other only carries along, or both change the same
  // ones.
  {
    // lock inc dword [rdi]; lock add qword [rsi], 0x100
    name: "a misaligned LOCK INC within 8 bytes, and an aligned LOCK ADD to all of these",
    threads: ["f0 ff 07", "f0 48 81 06 00 01 00 00"],
    rdi: LINE + 1,
    rsi: LINE,
    check: (read, rounds) => [[read(LINE, 8), 2n * rounds * 0x100n]],
  },
  ...(
    [
      ["8 bytes", LINE + 6],
      ["a page", 0x1ffe],
    ] as const
  ).flatMap(([border, offset]): Contention[] => [
    {
      // lock add qword [rdi], 0x10000; lock inc word [rsi]
      name: `a LOCK ADD across ${border}, and an aligned LOCK INC of its lower part`,
      threads: ["f0 48 81 07 00 00 01 00", "66 f0 ff 06"],
      rdi: offset,
      rsi: offset,
      check: (read, rounds) => [[read(offset, 8), rounds * 0x10000n + (rounds & 0xffffn)]],
    },
    {
      // lock inc qword [rdi]; lock inc dword [rsi]
      name: `a LOCK INC across ${border}, and an aligned LOCK INC of its upper part`,
      threads: ["f0 48 ff 07", "f0 ff 06"],
      rdi: offset,
      rsi: offset + 2,
      check: (read, rounds) => [[read(offset, 8), rounds * 0x10000n + rounds]],
    },
    {
      // mov rax, [rdi]; 1: lea rdx, [rax+1]; lock cmpxchg [rdi], rdx; jnz 1b
      name: `a LOCK CMPXCHG across ${border}, and an aligned LOCK INC of its upper part`,
      threads: [CMPXCHG64, "f0 ff 06"],
      rdi: offset,
      rsi: offset + 2,
      check: (read, rounds) => [[read(offset, 8), rounds * 0x10000n + rounds]],
    },
  ]),
  ...[0, 8].map((half): Contention => ({
    // lock inc qword [rdi]; CMPXCHG16B as above, at RSI
    name: `LOCK INC of the ${half ? "upper" : "lower"} half beside LOCK CMPXCHG16B of both`,
    threads: ["f0 48 ff 07", "49 89 ca 48 8b 06 48 8b 56 08 48 8d 58 01 48 8d 4a 03 f0 48 0f c7 0e 75 f1 4c 89 d1"],
    rdi: LINE + half,
    rsi: LINE,
    check: (read, rounds) => [
      [read(LINE, 8), half ? rounds : 2n * rounds],
      [read(LINE + 8, 8), half ? 4n * rounds : 3n * rounds],
    ],
  })),
  // 1: mov eax, 1; xchg [rsi], eax; test eax, eax; jz 3f; 2: pause; cmp dword [rsi], 0; jne 2b; jmp 1b; 3: inc qword [rdi];
  // mov dword [rsi], 0
  mutualExclusion("XCHG", "b8 01 00 00 00 87 06 85 c0 74 09 f3 90 83 3e 00 75 f9 eb ec 48 ff 07 c7 06 00 00 00 00"),
  // 1: lock bts dword [rsi], 5; jc 1b; inc qword [rdi]; lock btr dword [rsi], 5
  mutualExclusion("LOCK BTS", "f0 0f ba 2e 05 72 f9 48 ff 07 f0 0f ba 36 05"),
  // 1: xor eax, eax; mov edx, 1; lock cmpxchg [rsi], edx; jnz 1b; inc qword [rdi]; mov byte [rsi], 0
  mutualExclusion("LOCK CMPXCHG", "31 c0 ba 01 00 00 00 f0 0f b1 16 75 f3 48 ff 07 c6 06 00"),
  // mov eax, 1; lock xadd [rsi], eax; 1: cmp eax, [rsi+4]; je 2f; pause; jmp 1b; 2: inc qword [rdi]; inc dword [rsi+4]
  mutualExclusion("tickets", "b8 01 00 00 00 f0 0f c1 06 3b 46 04 74 04 f3 90 eb f7 48 ff 07 ff 46 04"),
];
