/** The terminal as a domain's console: keys are passed on raw, and bytes are printed unchanged. */
const LEAVE = 0x1d; // Ctrl+]

export class Terminal {
  /** Bytes of output so far. */
  written = 0;
  readonly #output: NodeJS.WriteStream;
  #onData: ((chunk: Buffer) => void) | null = null;

  /** `output` is where the guest's output goes. */
  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  /** Sends what is typed to `input`, and calls `leave` at Ctrl+]. The end of stdin ends nothing. */
  attach(input: (bytes: Uint8Array) => void, leave: () => void): void {
    const { stdin } = process;
    if (stdin.isTTY) stdin.setRawMode(true);
    this.#onData = (chunk) => {
      // Ctrl+] counts only on a terminal; piped data may contain any byte.
      const at = stdin.isTTY ? chunk.indexOf(LEAVE) : -1;
      const typed = at < 0 ? chunk : chunk.subarray(0, at);
      if (typed.length > 0) input(typed);
      if (at >= 0) leave();
    };
    stdin.on("data", this.#onData);
    stdin.on("error", () => {});
    stdin.resume();
  }

  write(bytes: Uint8Array): void {
    this.written += bytes.length;
    this.#output.write(bytes);
  }

  /** Restores the terminal, and waits until all output is written. */
  async detach(): Promise<void> {
    const { stdin } = process;
    if (this.#onData) {
      stdin.off("data", this.#onData);
      this.#onData = null;
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      stdin.unref?.();
    }
    await new Promise<void>((resolve) => this.#output.write("", () => resolve()));
  }
}
