/** A folder of files that the host keeps, and that lie in a bin for a day when somebody has removed them. */
import { FileBin } from "./file-bin.ts";
import { KeptFolder, type KeptFile } from "./kept-folder.ts";

export class BinnedFolder extends KeptFolder {
  readonly bin: FileBin;

  constructor(folder: string | null, what: string) {
    super(folder, what);
    this.bin = new FileBin(
      folder,
      what,
      () => super.all(),
      (name) => this.placeAgain(name),
    );
  }

  override async all(): Promise<KeptFile[]> {
    return this.bin.others();
  }

  /** Into the bin. Throws Refusal: ENOENT. */
  override async remove(name: string): Promise<void> {
    await this.bin.put((await this.find(name)).path);
  }
}
