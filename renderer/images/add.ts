/** Files of the user's that become images of the host's: copies, whatever happens to the files then. */
import { diskIn, giveDisk } from "../create/disk-images.ts";
import { plainName } from "../create/read-file.ts";
import { say } from "../state/messages.ts";
import { isCancel, sentence } from "../state/session.ts";

/** One after the other; what is none, or is refused, is told of, and the others are taken. How far each is, the host's tasks say. */
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
