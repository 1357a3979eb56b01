#!/usr/bin/env node
/** `xenarium`: exit status 2 for bad arguments, 1 for a failure that no command names better. */
import { CommanderError } from "commander";
import { UsageError, usageError } from "./arguments.ts";
import { EXIT_FAILURE, EXIT_USAGE, SIGNAL_STATUS } from "./exit-status.ts";
import { disk } from "./disk.ts";
import { fetchFiles } from "./fetch.ts";
import { domains } from "./domains.ts";
import { KEPT_FILES_COMMANDS, keptFiles } from "./kept-files.ts";
import { connectHost } from "./host.ts";
import { network } from "./network.ts";
import { program } from "./program.ts";
import type { run } from "./run.ts";
import type { serve } from "./serve.ts";
import { fork } from "./fork.ts";
import { power } from "./power.ts";
import { snapshot } from "./snapshot.ts";
import { TRANSFER_COMMANDS, transfer } from "./transfer.ts";
import { XENSTORE_CLIENTS, xenstore } from "./xenstore/clients.ts";
import { XlFailure } from "./xl/command.ts";
import { xl } from "./xl/program.ts";
import type { ApiClient } from "../api/client.ts";

/** core.wasm and the workers' scripts lie beside the bundle. */
const imageFolder = new URL("./", import.meta.url);

/** `command` may ask for the running host, which is reached over its socket. */
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

async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  // These report errors in the words of Xen's own tools.
  if (command === "xl") return withHost((connect) => xl(rest, connect));
  if (command === "host") return withHost((connect) => power(rest, connect));
  if (command === "domains") return withHost((connect) => domains(rest, connect));
  if (command === "disk") return withHost((connect) => disk(rest, connect));
  if (command === "fetch") return withHost((connect) => fetchFiles(rest, connect));
  if (command === "fork") return withHost((connect) => fork(rest, connect));
  if (command === "snapshot") return withHost((connect) => snapshot(rest, connect));
  const files = KEPT_FILES_COMMANDS.find((each) => each === command);
  if (files) return withHost((connect) => keptFiles(files, rest, connect));
  const moving = TRANSFER_COMMANDS.find((each) => each === command);
  if (moving) return withHost((connect) => transfer(moving, rest, connect));
  if (command === "network") return withHost((connect) => network(rest, connect));
  if (command !== undefined && Object.hasOwn(XENSTORE_CLIENTS, command))
    return withHost((connect) => xenstore(command, rest, connect));
  let status = 0;
  // A host is loaded only by those that start one. All other commands would begin later because of it.
  const actions = {
    run: async (options: Parameters<typeof run>[0]) => (await import("./run.ts")).run(options, imageFolder),
    serve: async (options: Parameters<typeof serve>[0]) => (await import("./serve.ts")).serve(options, imageFolder),
  };
  const xenarium = program(actions, (given) => (status = given));
  const [about] = command === "help" ? rest : [];
  if (about !== undefined && !xenarium.commands.some((each) => each.name() === about))
    throw new UsageError(`unknown command '${about}'`);
  if (command === undefined) throw new UsageError(`a command is missing\n${xenarium.helpInformation()}`);
  try {
    await xenarium.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw usageError(error);
  }
}

/** The reader of the output has closed it (`| head`). The program ends as if SIGPIPE, which Node ignores, had ended it. */
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? SIGNAL_STATUS.SIGPIPE : EXIT_FAILURE),
  );

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof XlFailure) {
      // The words of Xen's own tools, unchanged.
      process.stderr.write(`${error.message}\n`);
      process.exit(error.status);
    }
    process.stderr.write(`xenarium: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE);
  },
);
