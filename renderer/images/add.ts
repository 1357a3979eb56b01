/** Turns files of the user's into images of the host's. They are copies, so what happens to the files later does not matter. */
import { diskIn, giveDisk } from "../create/disk-images.ts";
import { plainName } from "../create/read-file.ts";
import { say } from "../state/messages.ts";
import { isCancel, sentence } from "../state/session.ts";

/**
 * Takes one after the other. A file that is no image or is refused is reported, and the others are taken. The host's tasks show how far each has
 * come.
 */
export async function addImages(files: readonly File[]): Promise<void> {
  for (const file of files) {
    const name = plainName(file.name);
    try {
      if (!(await diskIn(file, name))) {
        say("error", `${name} is no disk image: qcow2, raw, VHD, VMDK and ISO are.`);
        continue;
      }
      const path = await giveDisk(file, name, () => {}, new AbortController().signal);
      say("info", `${path.split(/[\\/]/).at(-1)!} is among the host’s disk images now.`);
    } catch (error) {
      say(isCancel(error) ? "info" : "error", sentence(error));
    }
  }
}
