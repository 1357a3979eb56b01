/** Carries out requests about files that a client gives, and about what else can be started. */
import { oneAtATime } from "../../files/one-at-a-time.ts";
import { ApiFailure } from "../failure.ts";
import { FileReads } from "../file-reads.ts";
import { hostKernels, readBootFile } from "../host-kernels.ts";
import type { TakenImage } from "../host-state.ts";
import type { FILE_REQUESTS } from "../requests/files.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Results } from "../requests/table.ts";
import { type SessionContext } from "./context.ts";

export function fileHandlers(session: SessionContext): HandlersOf<typeof FILE_REQUESTS> {
  const { host, files } = session;
  const reads = new FileReads(files, host.journal, () => session.who);
  /** Whether the session has asked what a file is; the answer may still be outstanding when it ends. */
  let inspects = false;
  session.onEnd(() => {
    reads.end();
    if (inspects && host.state.power === "running")
      void host.toolstack.request("inspectCancel", { by: session.id }).catch(() => {});
  });
  const look = (file: { name: string; bytes: Uint8Array }): Promise<Results["fileInspect"]> => {
    inspects = true;
    return host.toolstack.request("inspect", { ...file, by: session.id });
  };
  // One at a time, so that what is read is counted before the next is read.
  const next = oneAtATime();
  return {
    fileBegin: ({ name, size }) => ({ file: reads.begin(name, size) }),
    fileChunk: ({ file, offset, bytes }) => {
      reads.chunk(file, offset, bytes);
      return null;
    },
    fileInspect: ({ file }) => reads.inspect(file, look),
    fileSniff: ({ name, size, bytes }) => reads.sniff(name, size, bytes, look),
    fileRelease: ({ file }) => {
      reads.release(file);
      return null;
    },
    imageSources: () => imageSources(session),
    takeBundled: async () => {
      const { config, files: bundled } = await host.bundled(1);
      return { config, files: Object.entries(bundled).map(([name, bytes]) => files.put(name, bytes)) };
    },
    takeHostKernel: ({ release }) => next(() => takeHostKernel(session, release)),
  };
}

async function imageSources({ host, hostFiles }: SessionContext): Promise<Results["imageSources"]> {
  const folder = host.kernelFolder(hostFiles.mayNameAll);
  if (folder === null)
    return {
      folder,
      kernels: [],
      reason: "“xenarium serve --kernels /boot” offers this computer’s kernels; here, drop one on the window.",
    };
  const kernels = (await hostKernels(folder)).map(({ release, kernel, ramdisk }) => ({
    release,
    size: kernel.size,
    ramdiskSize: ramdisk?.size ?? null,
  }));
  return { folder, kernels, reason: kernels.length ? null : `${folder} has no vmlinuz-* that can be read.` };
}

async function takeHostKernel(
  { host, hostFiles, files: given }: SessionContext,
  release: string,
): Promise<Results["takeHostKernel"]> {
  const folder = host.kernelFolder(hostFiles.mayNameAll);
  const found = folder === null ? [] : await hostKernels(folder);
  const chosen = found.find((each) => each.release === release);
  if (!chosen) {
    const allowed = found.map((each) => each.release).join(", ");
    throw new ApiFailure(
      folder === null ? "EACCES" : "ENOENT",
      `There is no kernel ${release} for this client; allowed: ${allowed || "none"}.`,
    );
  }
  const files: TakenImage[] = [];
  try {
    for (const file of [chosen.kernel, ...(chosen.ramdisk ? [chosen.ramdisk] : [])]) {
      given.checkRoom(file.name, file.size);
      files.push(given.put(file.name, await readBootFile(file)));
    }
  } catch (error) {
    for (const { file } of files) given.release(file);
    throw error;
  }
  return { files };
}
