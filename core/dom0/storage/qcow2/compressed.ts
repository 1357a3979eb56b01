/** Reads and unpacks clusters that an image has compressed. */
import { promisify } from "node:util";
import { constants, inflateRaw } from "node:zlib";
import { decompress as decompressZstd } from "fzstd";
import { StoreError } from "../block-store.ts";
import type { HostFile } from "../host-file.ts";
import { UnpackedPieces } from "../unpacked.ts";
import type { Qcow2Header } from "./header.ts";
import { zstdFrameLength } from "./zstd-frame.ts";

const inflate = promisify(inflateRaw) as (bytes: Uint8Array, options: object) => Promise<Buffer>;

/** Where a compressed cluster lies in the file. */
interface Packed {
  readonly offset: number;
  readonly bytes: number;
}

export class CompressedClusters {
  readonly #file: HostFile;
  readonly #compression: Qcow2Header["compression"];
  readonly #clusterSize: number;
  readonly #pieces = new UnpackedPieces();

  constructor(file: HostFile, compression: Qcow2Header["compression"], clusterSize: number) {
    this.#file = file;
    this.#compression = compression;
    this.#clusterSize = clusterSize;
  }

  /** Returns a whole cluster. Throws StoreError EIO for a damaged one. */
  read(cluster: Packed): Promise<Uint8Array> {
    return this.#pieces.get(cluster.offset, () => this.#unpack(cluster));
  }

  async #unpack({ offset, bytes }: Packed): Promise<Uint8Array> {
    const packed = new Uint8Array(bytes);
    await this.#file.read(offset, [packed]);
    const size = this.#clusterSize;
    let plain: Uint8Array;
    try {
      if (this.#compression === "zstd") {
        // It is unpacked on this thread. Others have their turn before each of those that are unpacked at once.
        await new Promise(setImmediate);
        plain = decompressZstd(packed.subarray(0, zstdFrameLength(packed)), new Uint8Array(size));
      } else {
        // The last sector may have bytes after the compressed data that belong to something else.
        const options = { windowBits: 15, maxOutputLength: size, finishFlush: constants.Z_SYNC_FLUSH };
        plain = await inflate(packed, options);
      }
    } catch (error) {
      throw new StoreError(
        "EIO",
        `${this.#file.path}: a compressed cluster at ${offset} is damaged (${(error as Error).message})`,
      );
    }
    if (plain.length < size)
      throw new StoreError("EIO", `${this.#file.path}: a compressed cluster at ${offset} is too short`);
    return plain;
  }
}
