/** `xenarium`: exit status 2 for bad arguments, 1 for a failure that no command names better. */
import { runArguments, serveArguments, USAGE, UsageError } from "./arguments.ts";
import { EXIT_FAILURE, EXIT_USAGE, run } from "./run.ts";
import { serve } from "./serve.ts";
import { checkSubcommand, xl, type XlHost } from "./xl.ts";
import { ApiClient } from "../api/client.ts";
import { connectLocal } from "../api/transport/local-socket.ts";

/** core.wasm and the workers' scripts lie beside the bundle. */
const imageFolder = new URL("./", import.meta.url);

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case "run":
      return run(runArguments(args), imageFolder);
    case "serve":
      return serve(serveArguments(args), imageFolder);
    case "xl": {
      const [subcommand, ...rest] = args;
      checkSubcommand(subcommand);
      const client = new ApiClient(await connectLocal());
      try {
        // The API has the toolstack's requests and events that xl uses, under the same names.
        return await xl(client as unknown as XlHost, subcommand!, rest);
      } finally {
        client.close();
      }
    }
    case "help":
    case "--help":
    case "-h":
      process.stdout.write(USAGE);
      return 0;
    default:
      throw new UsageError(command === undefined ? USAGE : `there is no command "${command}"\n${USAGE}`);
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`xenarium: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE);
  },
);
