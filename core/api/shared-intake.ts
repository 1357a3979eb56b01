/** A client's file on its way into a folder that a domain shares. It is written by dom0, which has the folder. */
import type { ToolstackClient } from "../toolstack/client.ts";
import type { SharedFolderFacts } from "../toolstack/messages.ts";
import type { ComingFile } from "./file-intake.ts";
import { ApiFailure } from "./failure.ts";
import type { HostFiles } from "./host-files.ts";

/**
 * A guest may write into its folder, and so may who has its console. A folder that the guest may only read is the user's alone, so a client must have
 * been given it. Throws ApiFailure EACCES, and what the toolstack refuses.
 */
export async function openShared(
  toolstack: Pick<ToolstackClient, "request">,
  files: HostFiles,
  { tag, path, isReadOnly, domain }: SharedFolderFacts,
  wanted: { domid: number; device: string; name: string; size: number; replaces?: boolean | undefined },
): Promise<ComingFile> {
  if (isReadOnly && !files.allowsFolder(path))
    throw new ApiFailure(
      "EACCES",
      `${tag} is read-only for ${domain}, and this window was not given that folder: copy the file into ${path} yourself.`,
    );
  const { file } = await toolstack.request("sharedFileBegin", { ...wanted, replaces: wanted.replaces ?? false });
  return {
    size: wanted.size,
    take: async (offset, bytes) => void (await toolstack.request("sharedFileChunk", { file, offset, bytes })),
    finish: async () => {
      await toolstack.request("sharedFileEnd", { file });
      return path;
    },
    // One of which something went wrong is gone already.
    drop: async () => {
      await toolstack.request("sharedFileDrop", { file }).catch((error: unknown) => {
        if ((error as { code?: string }).code !== "ENOENT") throw error;
      });
    },
  };
}
