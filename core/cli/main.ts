/** `xenarium`: exit status 2 for bad arguments, 1 for a failure that no command names better. */
import { version } from "../../package.json";
import { runArguments, serveArguments, USAGE, UsageError } from "./arguments.ts";
import { EXIT_FAILURE, EXIT_USAGE, run } from "./run.ts";
import type { Command } from "./command.ts";
import { serve } from "./serve.ts";
import { XENSTORE_COMMANDS } from "./xenstore.ts";
import { subcommand } from "./xl/commands.ts";
import { ApiClient } from "../api/client.ts";
import type { HostState } from "../api/schema.ts";
import { connectLocal } from "../api/transport/local-socket.ts";

/** core.wasm and the workers' scripts lie beside the bundle. */
const imageFolder = new URL("./", import.meta.url);

/** The host must run: it is asked over its socket. */
async function toHost(command: Command, args: string[]): Promise<number> {
  const client = new ApiClient(await connectLocal());
  try {
    await started(client);
    return await command(client, args);
  } finally {
    client.close();
  }
}

/** A host that is just being powered on is waited for: a script may start it and go on. */
function started(client: ApiClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = ({ power }: HostState): void => {
      if (power !== "starting") resolve();
    };
    client.on("host", look);
    client.request("hostState", {}).then(look, reject);
  });
}

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case "run":
      return run(runArguments(args), imageFolder);
    case "serve":
      return serve(serveArguments(args), imageFolder);
    case "xl": {
      const [name, ...rest] = args;
      return toHost(subcommand(name), rest);
    }
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
      if (command !== undefined && Object.hasOwn(XENSTORE_COMMANDS, command))
        return toHost(XENSTORE_COMMANDS[command]!, args);
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
    process.stderr.write(`xenarium: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE);
  },
);
