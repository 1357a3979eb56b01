/** What a Linux kernel says on its console when something is wrong that is not wrong under real Xen. */
const WRONG = new RegExp(
  [
    "WARNING:",
    "\\bBUG:|kernel BUG",
    "Oops",
    "Call Trace",
    "Kernel panic",
    "Unpatched return thunk",
    "multicall\\(s\\) failed",
    "general protection",
    "invalid opcode",
    "int3",
    "soft lockup",
    "rcu.*(stall|self-detected)",
    "Bad page",
    "segfault",
    "alternatives.*fail",
    "hung task|blocked for more than",
  ].join("|"),
  "i",
);

/** Returns lines of a console that a good boot does not have. */
export function warnings(console: string): string[] {
  return console
    .split(/\r?\n/)
    .filter((line) => WRONG.test(line) && !/panic=|Kernel command line|Command line:/.test(line));
}
