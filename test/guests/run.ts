/** Runs `xenarium run` as a user does, and collects what it prints. */
import { spawn } from "node:child_process";
import path from "node:path";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");

export interface RunResult {
  status: number | null;
  /** The guest's console. */
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface RunningGuest {
  type(text: string): void;
  /** Resolves when the console has shown `pattern` after position `from`; rejects at the time limit. */
  waitFor(pattern: RegExp, limitMs: number): Promise<RegExpExecArray>;
  /** The same for what the command says beside the console, since its start. */
  waitForWords(pattern: RegExp, limitMs: number): Promise<RegExpExecArray>;
  /** Forgets what was shown until now. */
  mark(): void;
  closeInput(): void;
  /** The pid of the process. */
  pid: number;
  /** Stops it, as Ctrl+C does. */
  end(): void;
  done: Promise<RunResult>;
}

/** Starts the CLI's `run` with these arguments; standard input stays open until closeInput(). */
export function startGuest(args: string[]): RunningGuest {
  const start = performance.now();
  const child = spawn(process.execPath, [cli, "run", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let seen = 0;
  const waiters = new Set<() => void>();
  const wake = () => waiters.forEach((waiter) => waiter());
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    wake();
  });
  let ended = false;
  const done = new Promise<RunResult>((resolve) =>
    child.on("close", (status) => {
      ended = true;
      resolve({ status, stdout, stderr, seconds: (performance.now() - start) / 1000 });
      wake();
    }),
  );
  const until = (shown: () => string, pattern: RegExp, limitMs: number): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const finish = (action: () => void) => {
        clearTimeout(timer);
        waiters.delete(look);
        action();
      };
      const fail = (what: string): void =>
        finish(() => reject(new Error(`${what}:\n${stdout.slice(-2000)}\n${stderr}`)));
      const look = () => {
        const match = pattern.exec(shown());
        if (match) finish(() => resolve(match));
        else if (ended) fail(`the run ended before ${pattern}`);
      };
      const timer = setTimeout(() => fail(`no ${pattern} within ${limitMs} ms`), limitMs);
      waiters.add(look);
      look();
    });
  return {
    type: (text) => child.stdin.write(text),
    mark: () => (seen = stdout.length),
    closeInput: () => child.stdin.end(),
    pid: child.pid!,
    end: () => void child.kill("SIGTERM"),
    done,
    waitFor: (pattern, limitMs) => until(() => stdout.slice(seen), pattern, limitMs),
    waitForWords: (pattern, limitMs) => until(() => stderr, pattern, limitMs),
  };
}

export async function runGuest(args: string[]): Promise<RunResult> {
  const guest = startGuest(args);
  guest.closeInput();
  return guest.done;
}
