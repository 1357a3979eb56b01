/** `xenarium`: exit status 2 for bad arguments, 1 for a failure that no command names better. */
import { version } from "../../package.json";
import { runArguments, serveArguments, USAGE, UsageError } from "./arguments.ts";
import { EXIT_FAILURE, EXIT_USAGE, run } from "./run.ts";
import { connectHost } from "./host.ts";
import { serve } from "./serve.ts";
import { XENSTORE_CLIENTS, xenstore } from "./xenstore/clients.ts";
import { XlFailure } from "./xl/command.ts";
import { xl } from "./xl/program.ts";
import type { ApiClient } from "../api/client.ts";

/** core.wasm and the workers' scripts lie beside the bundle. */
const imageFolder = new URL("./", import.meta.url);

/** `command` may ask for the running host: it is asked over its socket. */
async function withHost(command: (connect: () => Promise<ApiClient>) => Promise<number>): Promise<number> {
  let client: ApiClient | null = null;
  try {
    return await command(async () => {
      return (client = await connectHost());
    });
  } finally {
    (client as ApiClient | null)?.close();
  }
}

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case "run":
      return run(runArguments(args), imageFolder);
    case "serve":
      return serve(serveArguments(args), imageFolder);
    case "xl":
      return withHost((connect) => xl(args, connect));
    case "version":
    case "--version":
    case "-V":
      process.stdout.write(`xenarium ${version}\n`);
      return 0;
    case "help":
    case "--help":
    case "-h":
      process.stdout.write(USAGE);
      return 0;
    default:
      if (command !== undefined && Object.hasOwn(XENSTORE_CLIENTS, command))
        return withHost((connect) => xenstore(command, args, connect));
      throw new UsageError(command === undefined ? USAGE : `there is no command "${command}"\n${USAGE}`);
  }
}

/** As if SIGPIPE, which Node ignores, had ended it: who read the output (`| head`) wants no more of it. */
const EXIT_PIPE = 128 + 13;
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? EXIT_PIPE : EXIT_FAILURE),
);

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof XlFailure) {
      // The words of Xen's own tools, as they are.
      process.stderr.write(`${error.message}\n`);
      process.exit(error.status);
    }
    process.stderr.write(`xenarium: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE);
  },
);
